"""Which training examples an item is shown: the similar ones, never itself, never a test item."""

import random
from pathlib import Path
from typing import Any

import pytest
from echo_engine import BACKEND
from hypothesis import given
from hypothesis import strategies as st

from harness.adapters import generator
from harness.jsonl import read_lines, write_lines
from harness.likeness import normalised
from harness.prompts import PromptConfig, chosen_shots
from harness.records import Example, Prediction, Split
from harness.stages import Job
from harness.stages.predict import write_predictions
from harness.stages.shots import item_shots, similar_examples

TOPICS = ("lost card", "exchange rate", "top up", "cash machine", "wrong amount", "new address")
ASKS = ("my {} please", "help with {} today", "a question about {}")


def example(name: str, text: str, reference: str = "out", *, split: Split = "train") -> Example:
    return Example(id=name, split=split, group=name, input=text, reference=reference)


TRAIN = [example(f"t{i}{j}", ask.format(topic), topic) for i, topic in enumerate(TOPICS) for j, ask in enumerate(ASKS)]
ITEMS = [example(f"v{i}", f"{topic}, what now?", topic, split="validation") for i, topic in enumerate(TOPICS)]


def similar(count: int, **more: Any) -> PromptConfig:
    return PromptConfig(template="{input}", shots=count, choose="bm25", **more)


def ids(found: list[list[Example]]) -> list[list[str]]:
    return [[shot.id for shot in shots] for shots in found]


def shown(config: PromptConfig, items: list[Example], train: list[Example], *, by_label: bool = False) -> list[Any]:
    return ids(item_shots(config, items=items, train=train, by_label=by_label))


def echoed(folder: Path, config: PromptConfig, items: list[Example], *, kind: str = "generation") -> list[str]:
    """What a model that repeats its nearest shot answers in a real step; `items` are one split."""
    data, sealed, out = (folder / part for part in ("data", "testset", "out"))
    for part in (data, sealed, out):
        part.mkdir(parents=True)
    split = items[0].split
    write_lines(data / "train.jsonl", TRAIN)
    write_lines((sealed if split == "test" else data) / f"{split}.jsonl", items)
    inputs = {"prompt": config.model_dump(mode="json"), "kind": kind, "split": split}
    job = Job(
        inputs={**inputs, "engine": "echo", "model": {}, "max_new_tokens": 8},
        needs={"data": data, "testset": sealed},
        local={},
        out=out,
        progress=lambda done, total: None,
    )
    write_predictions(job)
    return [answer.text for answer in read_lines(out / "predictions.jsonl", model=Prediction)]


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("kind", ["label", "generation"])
@pytest.mark.parametrize("layout", ["turns", "text"])
def test_a_model_that_repeats_its_nearest_shot_is_right_where_shots_are_similar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: Split, kind: str, layout: str
) -> None:
    monkeypatch.setattr(generator, "BACKENDS", BACKEND)
    items = [item.model_copy(update={"split": split}) for item in ITEMS]
    config = PromptConfig.model_validate({"template": "{input}", "shots": 3, "layout": layout})
    similar_ones = config.model_copy(update={"choose": "bm25"})
    assert echoed(tmp_path / "similar", similar_ones, items, kind=kind) == list(TOPICS)
    fixed = echoed(tmp_path / "random", config, items, kind=kind)
    assert len(set(fixed)) == 1, "the same shots for every item"


@pytest.mark.parametrize("split", ["validation", "test"])
def test_no_item_is_ever_a_shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: Split) -> None:
    monkeypatch.setattr(generator, "BACKENDS", BACKEND)
    near = [example(f"{item.id}{i}", item.input + " now" * i, "seen", split=split) for item in ITEMS for i in range(3)]
    assert set(echoed(tmp_path, similar(8), near)) == set(TOPICS), "though other items are nearer than any example"


def test_the_most_similar_stands_next_to_the_question_unless_shuffled() -> None:
    train = [example("far", "a x y"), example("near", "a b c"), example("mid", "a b y")]
    [nearest_last] = shown(similar(3), [example("v", "a b c d")], train)
    assert nearest_last == ["far", "mid", "near"]
    orders = {tuple(shown(similar(3, order=order), [example("v", "a b c d")], train)[0]) for order in range(1, 9)}
    assert len(orders) > 1
    assert all(sorted(order) == ["far", "mid", "near"] for order in orders)
    again = shown(similar(3, order=2), [example("v", "a b c d")], train)
    assert again == shown(similar(3, order=2), [example("v", "a b c d")], train[::-1])


def test_similar_shots_are_not_balanced_by_label() -> None:
    found = item_shots(similar(3), items=ITEMS, train=TRAIN, by_label=True)
    assert [[shot.reference for shot in shots] for shots in found] == [[topic] * 3 for topic in TOPICS]


def test_an_item_is_never_shown_itself_and_the_next_best_takes_the_place() -> None:
    train = [
        example("1", "Is it a CARD?"),
        example("2", "is it a card"),
        example("3", "is it a card lost"),
        example("4", "is a b c d"),
    ]
    items = [example("v", "Is it a card?!"), example("w", "it")]
    assert shown(similar(2), items, train)[0] == ["4", "3"]
    assert shown(similar(9), items, train)[0] == ["4", "3"]
    assert {"1", "2"} <= set(shown(similar(4), items, train)[1]), "what one item refuses, another is shown"


def test_an_item_that_is_among_random_shots_gets_the_next_of_the_order_in_that_place() -> None:
    order = [shot.id for shot in chosen_shots(TRAIN, count=len(TRAIN), seed=4, by_label=True)]
    known = {shot.id: shot for shot in TRAIN}
    twin = example("v", known[order[1]].input.upper() + "!")
    config = PromptConfig(template="{input}", shots=3, seed=4)
    assert shown(config, [ITEMS[0], twin], TRAIN, by_label=True) == [order[:3], [order[0], order[3], order[2]]]
    whole = PromptConfig(template="{input}", shots=len(TRAIN), seed=4)
    assert shown(whole, [twin], TRAIN, by_label=True) == [[name for name in order if name != order[1]]]


def test_shots_that_an_optimiser_chose_stand_as_it_said() -> None:
    config = PromptConfig(template="{input}", shot_ids=("t21", "t00"))
    assert shown(config, [ITEMS[0], example("v", TRAIN[0].input)], TRAIN) == [["t21", "t00"], ["t21"]]
    with pytest.raises(AssertionError, match="no training examples: v0"):
        shown(PromptConfig(template="{input}", shot_ids=("t21", "v0")), ITEMS, TRAIN)


def test_equally_similar_examples_come_by_id_whatever_the_file_says() -> None:
    train = [example(name, "same words") for name in "dbca"]
    assert ids(similar_examples([example("v", "words")], train=train, count=3, choose="bm25")) == [["a", "b", "c"]]
    assert ids(similar_examples([example("v", "")], train=train, count=2, choose="bm25")) == [["a", "b"]]


def test_without_training_examples_or_shots_there_are_none() -> None:
    assert shown(similar(3), ITEMS[:2], []) == [[], []]
    assert shown(similar(0), ITEMS[:2], TRAIN) == [[], []]
    assert shown(PromptConfig(template="{input}"), ITEMS[:2], TRAIN) == [[], []]
    assert shown(similar(3), [], TRAIN) == []


WORDS = st.text(alphabet="ab .日", max_size=6)
CONFIGS = st.builds(
    PromptConfig,
    template=st.just("{input}"),
    shots=st.integers(0, 6),
    choose=st.sampled_from(["random", "bm25"]),
    seed=st.integers(0, 3),
    order=st.integers(0, 2),
)


@given(CONFIGS, st.lists(WORDS, max_size=7), st.lists(WORDS, max_size=4), st.booleans(), st.randoms())
def test_whatever_the_texts_the_promises_hold(
    config: PromptConfig, inputs: list[str], asked: list[str], by_label: bool, chance: random.Random
) -> None:
    train = [example(f"t{i}", text, str(i % 2)) for i, text in enumerate(inputs)]
    items = [example(f"v{i}", text) for i, text in enumerate(asked)]
    found = item_shots(config, items=items, train=train, by_label=by_label)
    for item, shots in zip(items, found, strict=True):
        others = [one for one in train if normalised(one.input) != normalised(item.input)]
        assert len({shot.id for shot in shots}) == len(shots) == min(config.shots, len(others))
        assert all(shot in others for shot in shots)
    mixed = chance.sample(train, len(train))
    assert item_shots(config, items=items, train=mixed, by_label=by_label) == found
