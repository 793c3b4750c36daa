"""Turn tuned answers into one yes or no an item: does it parse, does it cost little enough, was it quick enough."""

import json
from typing import Any

from harness.deadline import deadline
from harness.records import Prediction
from harness.specs.json_schemas import satisfies

SLOWEST_MATCH = 1.0
"""Seconds after which a pattern or schema that is still busy with a hostile answer counts as not matching."""


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
    try:
        with deadline(SLOWEST_MATCH):
            return satisfies(json.loads(text, parse_constant=_not_json), schema=schema)
    except Exception:  # The test set is used by now: whatever a hostile answer breaks, it has not the form asked for.
        return False


def _not_json(word: str) -> None:
    """`NaN` and `Infinity`, which Python reads and JSON does not have."""
    raise ValueError(word)


def within_price(answers: list[Prediction], *, gate: dict[str, Any]) -> list[bool]:
    """Whether each answer costs at most the gate's price; a truncated prompt has no answer, so none that was cheap."""
    pairs = zip(answers, costs(answers, gate=gate), strict=True)
    return [answer.status != "truncated" and cost <= gate["usd"] for answer, cost in pairs]


def costs(answers: list[Prediction], *, gate: dict[str, Any]) -> list[float]:
    """Dollars of each answer."""
    return [
        (answer.tokens_in * gate["usd_per_million_in"] + answer.tokens_out * gate["usd_per_million_out"]) / 1e6
        for answer in answers
    ]
