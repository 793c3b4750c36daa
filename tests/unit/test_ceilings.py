"""Format, cost and latency: one yes or no an answer, whatever the answer is."""

import time

import pytest

from harness.records import Prediction
from harness.specs import FormatGate
from harness.stages.ceilings import costs, parses

WAYS = {"regex": None, "json_schema": None}


def answers(*texts: str, status: str = "ok") -> list[Prediction]:
    return [
        Prediction.model_validate(
            {"example_id": "1", "text": text, "status": status, "tokens_in": 100, "tokens_out": 10}
        )
        for text in texts
    ]


@pytest.mark.parametrize(
    ("way", "good", "bad"),
    [
        ({"regex": r"[A-Z]\w+\."}, [" Paris. ", "Rome."], ["paris.", "Paris. Indeed.", ""]),
        (
            {"json_schema": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}},
            ['{"city": "Rome"}'],
            ['{"city": 3}', "{}", '{"city": "Rome"', "Rome", "[" * 10_000],
        ),
    ],
)
def test_answers_parse_or_do_not(way: dict[str, object], good: list[str], bad: list[str]) -> None:
    found = parses(answers(*good, *bad), gate=WAYS | way)
    assert found == [True] * len(good) + [False] * len(bad)


def test_a_prompt_that_did_not_fit_has_no_answer() -> None:
    assert parses(answers("Rome.", status="truncated"), gate=WAYS | {"regex": ".*"}) == [False]


def test_a_pattern_that_explodes_on_hostile_text_ends_in_time() -> None:
    start = time.monotonic()
    assert parses(answers("a" * 5_000 + "!"), gate=WAYS | {"regex": r"(a|a)*b"}) == [False]
    assert time.monotonic() - start < 10


def test_an_answer_costs_its_tokens() -> None:
    assert costs(answers("x"), gate={"usd_per_million_in": 2.0, "usd_per_million_out": 10.0}) == [0.0003]


@pytest.mark.parametrize(
    "gate",
    [
        {},
        {"regex": "a", "labels": True},
        {"regex": "("},
        {"json_schema": {"type": 3}},
        {"json_schema": {"items": [{"$ref": "http://x.example/s"}]}},
    ],
)
def test_a_format_gate_asks_one_sound_thing(gate: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"exactly one|no regular expression|no JSON Schema|nothing is fetched"):
        FormatGate.model_validate(gate)
