"""The rules that need no model give the answers that they promise."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.adapters.shipped_metrics import token_f1
from harness.records import Example
from harness.stages.trivial import COMPARED, RULES, most_alike


def example(name: str, text: str, reference: str = "") -> Example:
    return Example(id=name, split="train", group=name, input=text, reference=reference)


def answered(references: list[str]) -> list[Example]:
    return [example(f"{i:04}", f"in {i}", reference) for i, reference in enumerate(references)]


def answers(rule: str, asked: list[str], train: list[Example], **inputs: Any) -> list[str]:
    items = [example(f"v{i}", text) for i, text in enumerate(asked)]
    return RULES[rule](items, train=train, inputs={"kind": "generation", **inputs})


def test_a_constant_says_what_it_was_given() -> None:
    assert answers("constant", ["a", "b"], answered(["x"]), answer="no") == ["no", "no"]
    assert answers("constant", ["a"], answered(["x"]), answer="") == [""]


def test_a_constant_that_was_given_nothing_is_the_answer_most_like_the_others() -> None:
    train = answered(["the red fox", "the red hen", "the red fox ran", "a b c d", "a b c d"])
    assert answers("constant", ["q"], train, answer=None) == ["the red fox"]
    assert answers("constant", ["q"], train, answer=None, kind="label") == ["a b c d"]
    assert answers("majority", ["q"], train) == ["a b c d"]


def test_equals_go_by_the_alphabet() -> None:
    assert most_alike(answered(["b", "a", "c"]), by_label=False) == "a"
    assert most_alike(answered(["b", "a", "b", "a"]), by_label=True) == "a"


@given(st.lists(st.text(alphabet="abc ", min_size=1, max_size=6), min_size=1, max_size=12), st.randoms())
def test_no_other_training_answer_is_more_like_the_rest(references: list[str], chance: Any) -> None:
    train = answered(references)
    found = most_alike(train, by_label=False)

    def likeness(text: str) -> float:
        rest = list(references)
        rest.remove(text)
        return sum(1.0 if text == other else token_f1(text, other) for other in rest)

    assert likeness(found) == pytest.approx(max(map(likeness, references)))
    assert most_alike(chance.sample(train, len(train)), by_label=False) == found


def test_of_many_answers_a_sample_is_compared() -> None:
    train = answered(["the usual answer"] * 400 + [f"answer {i}" for i in range(COMPARED)])
    assert most_alike(train, by_label=False) == "the usual answer"
    assert most_alike(train[::-1], by_label=False) == "the usual answer"


def test_the_nearest_training_input_answers() -> None:
    train = [
        example("1", "where is my card", "card"),
        example("2", "exchange rate of the euro", "rate"),
        example("3", "銀行口座を開設したい", "account"),
    ]
    asked = ["my card?", "Euro exchange", "口座の開設", "nothing in common"]
    assert answers("nearest", asked, train) == ["card", "rate", "account", "card"]
    assert answers("nearest", asked, train[::-1]) == ["card", "rate", "account", "card"]


def test_the_nearest_is_never_the_item_itself() -> None:
    train = [example("1", "is it open", "copy"), example("2", "is it open today", "other")]
    assert answers("nearest", ["Is it open?"], train) == ["other"]
    assert answers("nearest", ["Is it open?"], train[:1]) == ["copy"], "no other is left, so the commonest answers"
