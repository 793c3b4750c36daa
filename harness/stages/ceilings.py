"""Turn tuned answers into one yes or no an item: does it parse, does it cost little enough, was it quick enough."""

import json
from typing import Any

from harness.records import Prediction

SLOWEST_MATCH = 1.0
"""Seconds after which a pattern that still searches a hostile answer counts as not matching."""


def parses(answers: list[Prediction], *, gate: dict[str, Any]) -> list[bool]:
    """Whether each answer has the form of the gate's regex or JSON Schema; a truncated prompt has no answer."""
    return [answer.status != "truncated" and _parses(answer.text.strip(), gate=gate) for answer in answers]


def _parses(text: str, *, gate: dict[str, Any]) -> bool:
    if gate["regex"] is not None:
        return _matches(text, pattern=gate["regex"])
    return _satisfies(text, schema=gate["json_schema"])


def _matches(text: str, *, pattern: str) -> bool:
    import regex

    try:
        return regex.fullmatch(pattern, text, timeout=SLOWEST_MATCH) is not None
    except TimeoutError:
        return False


def _satisfies(text: str, *, schema: dict[str, Any]) -> bool:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    # An empty registry: a $ref is never fetched from anywhere.
    empty: Registry[Any] = Registry()
    return bool(Draft202012Validator(schema, registry=empty).is_valid(value))


def costs(answers: list[Prediction], *, gate: dict[str, Any]) -> list[float]:
    """Dollars of each answer."""
    return [
        (answer.tokens_in * gate["usd_per_million_in"] + answer.tokens_out * gate["usd_per_million_out"]) / 1e6
        for answer in answers
    ]
