"""Rows that repeat a held-out item are found in every disguise that leaves its words; others are kept."""

from typing import Any

import pytest

from harness.records import Example, Split
from harness.stages.heldout import Fields, Held, benchmark_texts, item_texts, repeated, repeated_texts

ITEM = "the minister of transport said on tuesday that the night trains would enter service again by the end of march"
EDITED = ITEM.replace("tuesday", "monday").replace("again ", "")
OTHER = "a bakery in the old town sells more bread on sundays than on all other days of the week taken together"


@pytest.mark.parametrize(
    "row",
    [
        Fields((ITEM.upper().replace(" ", "  "),)),
        Fields((f"News of the day. {ITEM}. Weather: rain.",)),
        Fields((OTHER,), (f"Well: {ITEM}",)),
        Fields((OTHER,), (OTHER, ITEM)),
        Fields((EDITED,)),
        Fields((f"{OTHER}\n{EDITED}\n{OTHER}",)),
        Fields((OTHER, ITEM)),
    ],
    ids=["spelling", "quoted", "in an answer", "in the second answer", "edited", "edited in a document", "a column"],
)
def test_a_row_that_repeats_an_item_is_found(row: Fields) -> None:
    assert repeated([Fields((OTHER,)), row], held={"test": Held([ITEM])}) == {1: "test"}


def test_a_short_item_is_repeated_by_its_equal_alone() -> None:
    rows = [Fields(("lost CARD?",)), Fields(("I have a lost card here",)), Fields((OTHER,), ("lost card",))]
    assert repeated(rows, held={"validation": Held(["Lost card"])}) == {0: "validation"}


@pytest.mark.parametrize(
    "row",
    [Fields((f"News. {ITEM}.",)), Fields((OTHER,), (ITEM,)), Fields((EDITED,)), Fields((ITEM.upper(),))],
    ids=["quoted", "in an answer", "edited", "spelling"],
)
def test_of_the_texts_those_that_a_row_repeats_are_named(row: Fields) -> None:
    texts = [OTHER, ITEM, "lost card"]
    assert repeated_texts([row], texts=texts) - {OTHER} == {ITEM}
    assert repeated_texts([Fields(("Lost card!",))], texts=texts) == {"lost card"}
    assert repeated_texts([], texts=texts) == set()


def test_the_first_holder_is_named() -> None:
    assert repeated([Fields((ITEM,))], held={"test": Held([ITEM]), "piqa": Held([ITEM])}) == {0: "test"}


def test_words_that_all_items_share_tell_nothing() -> None:
    frame = "Read the passage below and say in one short sentence what follows from it for the reader: {}"
    held = [frame.format(f"number {i} is large") for i in range(300)]
    rows = [Fields((frame.format("number minus one is small"),))]
    assert repeated(rows, held={"test": Held(held)}) == {}
    assert repeated(rows, held={"test": Held(held[:1])}) == {0: "test"}


def test_of_an_item_its_input_its_values_and_its_own_answer_are_held_out() -> None:
    rows = [
        {"policy": f"Clause {i}: data about people are kept for {i} years.", "q": f"Is item {i} kept?", "a": answer}
        for i, answer in enumerate(["It is kept for no time at all.", *["Nobody can know that from here."] * 3, "yes"])
    ]
    splits = split(rows)
    held = item_texts(splits, rows={"all": rows}, template="{policy} {q}", answers=True)
    policies = [str(row["policy"]) for row in rows]
    assert held["test"].texts == [splits["test"][0].input, policies[0], rows[0]["a"]]
    assert held["validation"].texts == [splits["validation"][0].input, policies[1]], "three items share that answer"
    assert item_texts(splits, rows={"all": rows}, template="{policy} {q}", answers=False)["test"].texts[2:] == []


def split(rows: list[dict[str, Any]]) -> dict[Split, list[Example]]:
    """The first row is for test, the second for validation."""
    from harness.stages.rows import identified

    names: list[Split] = ["test", "validation", *["train"] * (len(rows) - 2)]  # type: ignore[list-item]
    splits: dict[Split, list[Example]] = {"train": [], "validation": [], "test": []}
    for (name, row), where in zip(identified({"all": rows})["all"], names, strict=True):
        text = f"{row['policy']} {row['q']}"
        splits[where].append(Example(id=name, split=where, group=name, input=text, reference=row["a"]))
    return splits


def test_of_a_benchmark_the_long_texts_are_held_out_that_are_no_rubric() -> None:
    items = [
        {"goal": f"How to clean pot number {i} of the set?", "topic": "a topic that all of them share", "label": i}
        for i in range(9)
    ]
    items[0]["sols"] = ["Put vinegar into it over night.", "no"]
    goals = [str(item["goal"]) for item in items]
    assert benchmark_texts(items).texts == sorted([*goals, "Put vinegar into it over night."])
