"""Turn a value in the wrong form into the form that is asked for: 0.5 into {seconds: 0.5}, piqa into a list of one."""

import math
import re
from typing import Any

from harness.loading.asked import Asked

_DOLLARS = re.compile(r"(US)?\$|\bUSD\b|\$$", re.IGNORECASE)
"""Around a price, `$0.15` or `0.15 USD`."""
_COMMA = re.compile(r"\s*(\d+),(\d+)\s*")
"""A decimal comma."""


def fitted(value: Any, asked: Asked) -> Any:
    """The value in the form that is asked for; as it is where it has that form, or none is known."""
    if asked.section:
        return value if isinstance(value, dict) else _as_section(value, asked)
    if asked.items is None:
        return _as_number(value, kind=asked.kind)
    if isinstance(value, dict) and asked.items.section:
        return _as_entries(value, asked.items)
    return [fitted(item, asked.items) for item in (value if isinstance(value, list) else [value])]


def _as_section(value: Any, asked: Asked) -> dict[str, Any]:
    """The value under the key that matters most, the other keys that have to be written beside it."""
    first, *others = asked.least
    return {first: fitted(value, asked.inside(first)), **{name: asked.inside(name).example for name in others}}


def _as_entries(value: dict[str, Any], asked: Asked) -> list[Any]:
    """`{piqa: 0.03}` is `[{benchmark: piqa, margin: 0.03}]`; an entry without its dash gets its brackets."""
    if value.keys() & set(asked.keys):
        return [value]
    return [_as_entry(name, item, asked) for name, item in value.items()]


def _as_entry(name: str, item: Any, asked: Asked) -> dict[str, Any]:
    if isinstance(item, dict):
        return {asked.keys[0]: name, **item}
    return dict(zip(asked.keys, (name, item), strict=False))


def _as_number(value: Any, *, kind: Any) -> Any:
    """8 for "8", 10 for 1e1, where a number belongs."""
    number = number_in(value)
    if kind is int and number is not None and number == int(number):
        return int(number)
    return number if kind is float and number is not None else value


def number_in(value: Any) -> float | None:
    """The finite number that a value is or spells."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(_COMMA.sub(r"\1.\2", _DOLLARS.sub("", value)) if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
