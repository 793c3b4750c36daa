"""Turn a wrong value into the value that was probably meant."""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from harness.loading.asked import Asked
from harness.loading.words import flow, listed, nearest

_YES = ("yes", "on", "true", "1")


def section_fix(asked: Asked) -> str:
    """What to write where a section belongs."""
    keys = f": {listed(asked.keys)}" if asked.keys else ""
    return f"write `key: value` lines{keys}"


def mended_value(item: ErrorDetails, asked: Asked, *, typed: str | None) -> str | None:
    """A value that would do, as YAML on one line; None where a section belongs."""
    value, context = item["input"], item.get("ctx", {})
    default = None if asked.default is None or asked.section else flow(asked.default)
    makers: dict[str, Callable[[], str | None]] = {
        "string_type": lambda: _as_text(value, typed) or default or "TEXT",
        "string_pattern_mismatch": lambda: _as_name(value),
        "literal_error": lambda: nearest(str(value), asked.choices) or default or asked.choices[0],
        "bool_type": lambda: flow(str(value).casefold() in _YES),
        "list_type": lambda: _as_list(value, typed) or default or "[...]",
        "tuple_type": lambda: default,
        "too_short": lambda: default or "[...]",
        "dict_type": lambda: None,
        "model_type": lambda: _required_only(value, asked),
    }
    if maker := makers.get(item["type"]):
        return maker()
    return _meant(value, context, asked.kind) or default or _within(context)


def _as_text(value: Any, typed: str | None) -> str | None:
    return None if value is None else json.dumps(typed or flow(value), ensure_ascii=False)


def _as_name(value: str) -> str:
    return re.sub(r"\W+", "_", value.strip().lower(), flags=re.ASCII).strip("_") or "name"


def _as_list(value: Any, typed: str | None) -> str | None:
    return f"[{typed or flow(value)}]" if isinstance(value, (str, int, float)) else None


def _required_only(value: Any, asked: Asked) -> str | None:
    """`arithmetic` where a section with one required key belongs: `{benchmark: arithmetic}`."""
    return flow({asked.required[0]: value}) if len(asked.required) == 1 and isinstance(value, str) else None


def _meant(value: Any, context: Mapping[str, Any], kind: Any) -> str | None:
    """The number that was probably meant: 8 for "8", 10 for 1e1, 0.3 for 30 percent."""
    number = _as_number(value)
    if number is None:
        return None
    if context:
        is_percent = context.get("lt", context.get("le")) == 1 and 1 < number <= 100
        return flow(number / 100) if is_percent else None
    if kind is int:
        return flow(int(number)) if number == int(number) else None
    return flow(number)


def _within(context: Mapping[str, Any]) -> str:
    """A number that keeps to the bound."""
    if "gt" in context or "lt" in context:
        return flow(context["gt"] + 1 if "gt" in context else context["lt"] / 2)
    return flow(context.get("ge", context.get("le", "NUMBER")))


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
