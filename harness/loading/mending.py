"""Turn a wrong value into the value that was probably meant."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from harness.loading.asked import Asked
from harness.loading.fitting import fitted, number_in
from harness.loading.words import flow, listed, nearest

_YES = ("yes", "on", "true", "1")
_SYNONYMS = {
    **dict.fromkeys(("similar", "similarity", "nearest", "closest", "retrieved", "knn", "tfidf"), "bm25"),
    **dict.fromkeys(("semantic", "cosine", "dense"), "embedding"),
    **dict.fromkeys(("classification", "classify", "class"), "label"),
    **dict.fromkeys(("most_common", "mode", "commonest"), "majority"),
    **dict.fromkeys(("logprobs", "logprob", "loglikelihood"), "likelihood"),
}
"""What people call a choice, and what it is called here."""
_INSIDE = {"ge": 0, "le": 0, "gt": 0.5, "lt": -0.5}
"""Steps from a bound to a number that keeps to it."""


def section_fix(asked: Asked) -> str:
    """What to write where a section belongs and no example is known."""
    keys = f": {listed(asked.keys)}" if asked.keys else ""
    return f"write `key: value` lines{keys}"


def mended_value(item: ErrorDetails, asked: Asked, *, typed: str | None, accepted: Callable[[Any], bool]) -> str | None:
    """The likeliest value that is accepted, as YAML on one line; None where none is known."""
    candidates = (*_meant(item, asked, typed=typed), asked.example, *_within(item.get("ctx", {})))
    return next((flow(value) for value in candidates if value is not None and accepted(value)), None)


def _meant(item: ErrorDetails, asked: Asked, *, typed: str | None) -> Iterator[Any]:
    """What the wrong value was probably meant to be, the likeliest first."""
    value, kind = item["input"], item["type"]
    if kind == "string_type":
        yield from (_as_text(value, typed), asked.example, "TEXT", _as_name(typed or "name"))
    elif kind == "string_pattern_mismatch":
        yield _as_name(value)
    elif kind == "literal_error":
        yield _SYNONYMS.get(str(value).casefold())
        yield nearest(str(value), asked.choices)
    elif kind == "bool_type":
        yield str(value).casefold() in _YES
    else:
        yield from (fitted(value, asked), _from_percent(value, item.get("ctx", {})), _none_of_it(item, asked))
        if asked.items and asked.items.kind is str and not isinstance(value, (list, dict)):
            yield fitted(_as_text(value, typed), asked)


def _as_text(value: Any, typed: str | None) -> str | None:
    return None if value is None else typed or flow(value)


def _as_name(text: str) -> str:
    return re.sub(r"\W+", "_", text.strip().lower(), flags=re.ASCII).strip("_") or "name"


def _from_percent(value: Any, context: Mapping[str, Any]) -> float | None:
    """0.3 for 30 percent."""
    number = number_in(value)
    is_share = context.get("lt", context.get("le")) == 1
    return number / 100 if number is not None and is_share and 1 < number <= 100 else None


def _none_of_it(item: ErrorDetails, asked: Asked) -> int | None:
    """0 for a count below it: who writes -1 means none."""
    return 0 if asked.kind is int and item["type"] == "greater_than_equal" and item["ctx"]["ge"] == 0 else None


def _within(context: Mapping[str, Any]) -> list[float]:
    """Numbers that keep to the bound."""
    return [context[bound] + step for bound, step in _INSIDE.items() if bound in context]
