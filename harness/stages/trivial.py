"""Turn items into answers that need no model; an arm that does not beat these has learned nothing."""

from collections.abc import Callable
from typing import Any

from harness.records import Example

Rule = Callable[..., list[str]]
"""Called with the items, `train` and the step's `inputs`; an answer an item."""


def majority(items: list[Example], *, train: list[Example], inputs: dict[str, Any]) -> list[str]:
    """The commonest answer of the training split, the first in the alphabet of equals."""
    answers = sorted(example.reference for example in train)
    return [max(dict.fromkeys(answers), key=answers.count)] * len(items)


def copied(items: list[Example], *, train: list[Example], inputs: dict[str, Any]) -> list[str]:
    """The input as it is."""
    return [item.input for item in items]


RULES: dict[str, Rule] = {"majority": majority, "copy": copied}
"""By the name that a variant gives."""
