"""Format, cost and latency: one yes or no an answer, whatever the answer is."""

import json
import time

import pytest

from harness.records import Prediction
from harness.specs import FormatGate
from harness.stages.ceilings import costs, parses, within_price

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


def test_a_schema_that_explodes_on_hostile_text_ends_in_time() -> None:
    start = time.monotonic()
    hostile, fine = json.dumps("a" * 40 + "!"), json.dumps("ab")
    assert parses(answers(hostile, fine), gate=WAYS | {"json_schema": {"pattern": "^(a|a)*b$"}}) == [False, True]
    assert time.monotonic() - start < 10


TREE = {"type": ["array", "integer"], "items": {"$ref": "#"}}
HOSTILE = [f"{'[' * depth}0{']' * depth}" for depth in (100, 300, 400, 600, 900, 5_000)]


# The alarm that ends a hostile answer may ring in a destructor, where Python swallows it and tells; it rings again.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "schema", [TREE, {"uniqueItems": True}, {"enum": [[[]]]}, {"multipleOf": 0.3}, {"multipleOf": 7}, {"minimum": 1}]
)
def test_no_answer_raises(schema: dict[str, object]) -> None:
    odd = [
        *HOSTILE,
        "NaN",
        "-Infinity",
        "1e400",
        "-1e400",
        "9" * 400,
        "9" * 5_000,
        '"\\ud800"',
        "\ud800",
        "\x00",
        "{}}",
    ]
    found = parses(answers(*odd), gate=WAYS | {"json_schema": schema})
    assert {type(each) for each in found} == {bool}


def test_a_nested_answer_of_any_sane_depth_is_read() -> None:
    assert parses(answers(HOSTILE[0]), gate=WAYS | {"json_schema": TREE}) == [True]


def test_what_json_does_not_have_does_not_parse() -> None:
    assert parses(answers("NaN", "[Infinity]", "1.5"), gate=WAYS | {"json_schema": {}}) == [False, False, True]


def test_an_answer_keeps_within_its_price_or_does_not() -> None:
    gate = {"usd_per_million_in": 2.0, "usd_per_million_out": 10.0}
    assert within_price(answers("x"), gate=gate | {"usd": 0.0003}) == [True]
    assert within_price(answers("x"), gate=gate | {"usd": 0.0002}) == [False]


def test_a_prompt_that_did_not_fit_is_not_cheap() -> None:
    free = {"usd_per_million_in": 0.0, "usd_per_million_out": 0.0, "usd": 1.0}
    assert within_price(answers("", status="truncated"), gate=free) == [False]


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
