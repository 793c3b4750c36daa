"""Turn training examples into the worked examples that each item is shown.

Shots come from the training split alone. None has the input of the item it is shown to (case, space and punctuation
aside): its answer would stand in the prompt, and a validation item with a copy in training would flatter that prompt.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from harness.likeness import normalised
from harness.prompts import PromptConfig, chosen_shots, ordered
from harness.records import Example


def item_shots(
    config: PromptConfig,
    *,
    items: Sequence[Example],
    train: Sequence[Example],
    by_label: bool,
    embeddings: str | None = None,
) -> list[list[Example]]:
    """An item's shots in the order in which they are shown; `embeddings` is the folder of the embedding model.

    Shots that were chosen one by one (`shot_ids`) come first and leave no choice. A random choice is the same for
    every item but for shots that an item refuses: the next of the seeded order stand in their places. Similar ones
    are each item's own, the most similar last, and never balanced by label.
    """
    if config.shot_ids:
        found = _named_shots(config.shot_ids, items=items, train=train)
    elif config.choose == "random":
        found = _seeded_shots(config, items=items, train=train, by_label=by_label)
    else:
        near = similar_examples(items, train=train, count=config.shots, choose=config.choose, embeddings=embeddings)
        found = [shots[::-1] for shots in near]
    return [ordered(shots, order=config.order) for shots in found]


def similar_examples(
    items: Sequence[Example],
    *,
    train: Sequence[Example],
    count: int,
    choose: Literal["bm25", "embedding"],
    embeddings: str | None = None,
) -> list[list[Example]]:
    """For each item the `count` training examples with the most similar inputs, the most similar first.

    Equals stand in the order of their ids, so the order of the file is of no matter.
    """
    if count == 0 or not items:
        return [[] for _ in items]
    from harness.adapters.retrieval import retriever

    pool = sorted(train, key=lambda example: example.id)
    bare, own = _bare(pool), _bare(items)
    copies = Counter(bare)
    spare = max(copies[text] for text in own)
    index = retriever(choose, [example.input for example in pool], model=embeddings)
    ranked = index.nearest([item.input for item in items], count=count + spare)
    return [
        [pool[place] for place in places if bare[place] != text][:count]
        for places, text in zip(ranked, own, strict=True)
    ]


def _named_shots(ids: Sequence[str], *, items: Sequence[Example], train: Sequence[Example]) -> list[list[Example]]:
    """The examples of these ids for every item, less those that an item refuses."""
    known = {example.id: example for example in train}
    if unknown := [name for name in ids if name not in known]:
        raise AssertionError(f"shots that are no training examples: {', '.join(unknown)}")
    shots = [known[name] for name in ids]
    bare = _bare(shots)
    return [[shot for shot, of in zip(shots, bare, strict=True) if of != text] for text in _bare(items)]


def _seeded_shots(
    config: PromptConfig, *, items: Sequence[Example], train: Sequence[Example], by_label: bool
) -> list[list[Example]]:
    if config.shots == 0:
        return [[] for _ in items]
    order = chosen_shots(train, count=len(train), seed=config.seed, by_label=by_label)
    bare = _bare(order)
    return [_others(order, bare=bare, text=text, count=config.shots) for text in _bare(items)]


def _others(order: Sequence[Example], *, bare: Sequence[str], text: str, count: int) -> list[Example]:
    """The first `count`; each that is `text` gives its place to the next that is not."""
    spare = (example for example, of in zip(order[count:], bare[count:], strict=True) if of != text)
    kept = (
        example if of != text else next(spare, None) for example, of in zip(order[:count], bare[:count], strict=True)
    )
    return [example for example in kept if example is not None]


def _bare(examples: Sequence[Example]) -> list[str]:
    return [normalised(example.input) for example in examples]
