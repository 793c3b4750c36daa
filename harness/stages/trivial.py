"""Turn items into answers that need no model; an arm that does not beat these has learned nothing."""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Any

from harness.records import Example
from harness.stages.shots import similar_examples

Rule = Callable[..., list[str]]
"""Called with the items, `train` and the step's `inputs`; an answer an item."""
COMPARED = 500
"""Training answers that are compared with one another at most; of more, a seeded sample."""


def majority(items: list[Example], *, train: list[Example], inputs: dict[str, Any]) -> list[str]:
    """The commonest answer of the training split, the first in the alphabet of equals."""
    return [_commonest(example.reference for example in train)] * len(items)


def copied(items: list[Example], *, train: list[Example], inputs: dict[str, Any]) -> list[str]:
    """The input as it is."""
    return [item.input for item in items]


def constant(items: list[Example], *, train: list[Example], inputs: dict[str, Any]) -> list[str]:
    """`answer`; where that is null, the training answer that is most like all the others."""
    given = inputs.get("answer")
    return [most_alike(train, by_label=inputs["kind"] == "label") if given is None else given] * len(items)


def nearest(items: list[Example], *, train: list[Example], inputs: dict[str, Any]) -> list[str]:
    """The answer to the training input that is most similar by BM25 and not the item's own input.

    Of equals, and where no word is shared, the first by id; the commonest answer where every training input is the
    item's own.
    """
    found = similar_examples(items, train=train, count=1, choose="bm25")
    return [near[0].reference if near else _commonest(example.reference for example in train) for near in found]


def most_alike(train: list[Example], *, by_label: bool) -> str:
    """The training answer that is most like all the others, the first in the alphabet of equals.

    Labels are alike if they are equal, so theirs is the commonest; other answers are as alike as their token F1. Of
    more than 500 training examples a seeded sample of 500 is both what may be chosen and what it is compared with.
    """
    if by_label:
        return _commonest(example.reference for example in train)
    from harness.adapters.shipped_metrics import token_f1

    rows = sorted(train, key=lambda example: example.id)
    if len(rows) > COMPARED:
        rows = random.Random(0).sample(rows, COMPARED)
    count = Counter(row.reference for row in rows)
    likeness = {text: float(count[text] - 1) for text in sorted(count)}
    for one, other in combinations(likeness, 2):
        alike = token_f1(one, other)
        likeness[one] += alike * count[other]
        likeness[other] += alike * count[one]
    return max(likeness, key=likeness.__getitem__)


def _commonest(answers: Iterable[str]) -> str:
    count = Counter(answers)
    return max(sorted(count), key=count.__getitem__)


RULES: dict[str, Rule] = {"majority": majority, "copy": copied, "constant": constant, "nearest": nearest}
"""By the name that a variant gives."""
