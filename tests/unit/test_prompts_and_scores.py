"""Prompts are filled once; answers are read the way the task means them."""

import pytest

from harness.adapters.beginnings import shared_prefix
from harness.adapters.shipped_metrics import scorer
from harness.metrics.answers import parsed_label
from harness.prompts import PromptConfig, chosen_shots, filled, messages
from harness.records import Example
from harness.stages.score import means


def example(name: str, *, text: str = "in", reference: str = "out") -> Example:
    return Example(id=name, split="train", group=name, input=text, reference=reference)


def test_braces_in_the_data_stay_as_they_are() -> None:
    assert (
        filled("{input} of {labels} and {other}", {"input": "{labels}", "labels": "a"}) == "{labels} of a and {other}"
    )


def test_shots_come_as_turns_before_the_question() -> None:
    turns = messages(PromptConfig(template="Q: {input}", system="Be brief."), text="x", shots=[example("1")])
    assert [(turn["role"], turn["content"]) for turn in turns] == [
        ("system", "Be brief."),
        ("user", "Q: in"),
        ("assistant", "out"),
        ("user", "Q: x"),
    ]


def test_shots_do_not_depend_on_the_order_of_the_file_and_cover_labels() -> None:
    train = [example(str(i), reference="rare" if i == 0 else "common") for i in range(20)]
    shots = chosen_shots(train, count=2, seed=0, by_label=True)
    assert {shot.reference for shot in shots} == {"rare", "common"}
    assert shots == chosen_shots(train[::-1], count=2, seed=0, by_label=True)
    assert len(chosen_shots(train, count=30, seed=0, by_label=False)) == 20


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("yes", "yes"),
        (" Yes. ", "yes"),
        ("No, because the policy says yes", "no"),
        ("**Card Arrival**", "card_arrival"),
        ("card arrival is the intent", "card_arrival"),
        ("nothing", None),
        ("yesterday", None),
        ("The answer is yes", None),
        ("", None),
    ],
)
def test_labels_are_read_from_answers(text: str, label: str | None) -> None:
    assert parsed_label(text, labels=["yes", "no", "card_arrival", "card"]) == label


@pytest.mark.parametrize(
    ("name", "answer", "reference", "score"),
    [
        ("exact_match", "Two  Words", "two words", 1.0),
        ("exact_match", "two", "two words", 0.0),
        ("token_f1", "a b c", "b c d", 2 / 3),
        ("token_f1", "", "b", 0.0),
        ("rougeL", "the cat sat", "the cat lay", 2 / 3),
        ("rougeL", "", "the cat", 0.0),
    ],
)
def test_metrics_have_their_known_values(name: str, answer: str, reference: str, score: float) -> None:
    assert scorer(name)(answer, reference) == pytest.approx(score)


def test_macro_f1_counts_an_invalid_answer_as_wrong() -> None:
    rows = [
        {"reference": "a", "label": "a", "valid": True},
        {"reference": "a", "label": None, "valid": False},
        {"reference": "b", "label": "b", "valid": True},
    ]
    assert means(rows, metrics=["macro_f1"])["macro_f1"] == pytest.approx((2 / 3 + 1) / 2, abs=1e-6)


def test_the_shared_beginning_never_swallows_a_whole_prompt() -> None:
    assert shared_prefix([[*range(20), 7], [*range(20), 8, 9]]) == list(range(20))
    assert shared_prefix([list(range(20)), list(range(25))]) == list(range(19))
    assert shared_prefix([[1, 2], [1, 3]]) == []
    assert shared_prefix([list(range(30))]) == []
