"""Turn a wrong value into the value that was probably meant."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_origin

from pydantic_core import ErrorDetails

from harness.loading.amounts import number_in
from harness.loading.asked import Asked
from harness.loading.fitting import fitted
from harness.loading.words import flow, listed, nearest

_YES = ("yes", "on", "true", "1")
_SYNONYMS = {
    "bm25": ("similar", "similarity", "nearest", "closest", "retrieved", "knn", "tfidf", "tf_idf"),
    "embedding": ("semantic", "cosine", "dense", "embeddings"),
    "label": ("classification", "classify", "class"),
    "majority": ("most_common", "most_frequent", "mode", "commonest"),
    "nearest": ("1_nn", "1nn", "nn", "knn", "k_nn", "nearest_neighbour", "nearest_neighbor", "similar", "most_similar"),
    "copy": ("identity", "echo", "input", "same"),
    "constant": ("always", "fixed", "const"),
    "likelihood": ("logprobs", "logprob", "loglikelihood"),
    "generate": ("greedy", "sample", "generation"),
    "float32": ("fp32", "f32", "float", "full"),
    "tpe": ("bayesian", "bayes"),
    "none": ("no", "off"),
}
"""A choice, and what else people call it."""
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
        if isinstance(value, list) and value:
            yield value[0]
        if isinstance(value, dict) and list(value) == ["experiment"]:
            yield f"experiment:{value['experiment']}"  # What `previous` says of a run.
        yield from (_as_text(value, typed), asked.example, "TEXT", _as_name(typed or "name"))
    elif kind == "string_pattern_mismatch":
        yield _as_name(value)
    elif kind == "literal_error":
        yield from _choice(str(value), asked.choices)
    elif kind == "bool_type":
        yield str(value).casefold() in _YES
    else:
        yield from (fitted(value, asked), _in_order(value, asked), _ends(value, asked))
        yield from (_from_percent(value, item.get("ctx", {})), _none_of_it(item, asked))
        if isinstance(value, list) and asked.kind in (int, float):
            yield from (fitted(part, asked) for part in value)
        if asked.items and asked.items.kind is str and not isinstance(value, (list, dict)):
            yield fitted(_as_text(value, typed), asked)


def _choice(value: str, choices: Sequence[str]) -> Iterator[str | None]:
    """A choice under another name, spelt otherwise, or with more words around it."""
    words = _as_name(value)
    yield from (choice for choice in choices if words in _SYNONYMS.get(choice, ()))
    yield nearest(value, choices)
    for choice in choices:
        if {choice, *_SYNONYMS.get(choice, ())} & set(words.split("_")):
            yield choice


def _in_order(value: Any, asked: Asked) -> dict[str, Any] | None:
    """[200, 80, 240] as the first keys of a section."""
    is_short = isinstance(value, list) and asked.section is not None and len(value) <= len(asked.keys)
    return dict(zip(asked.keys, value, strict=False)) if is_short else None


def _ends(value: Any, asked: Asked) -> list[float] | None:
    """[0.0001, 0.001] for `1e-4..1e-3`."""
    parts = re.split(r"\.\.+|\s+to\s+|\s+-\s+|–|,", value) if isinstance(value, str) else []
    ends = [number for part in parts if (number := number_in(part)) is not None]
    return ends if get_origin(asked.kind) is tuple and len(ends) == len(parts) == 2 else None


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
