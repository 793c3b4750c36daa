"""Turn the lists of a request into the problems its field types cannot say: lengths, cells, labels, indices."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic import SkipValidation

Metric = Literal["binary", "graded", "macro_f1"]
Cell = float | int | bool | str | None
"""One item's score, or for macro_f1 its label; None: no usable output, which counts as wrong."""
Arm = list[SkipValidation[Cell]]
"""One arm's cells, one per test item; checked below by metric, as pydantic would report each union member."""

LONGEST = 60
"""Characters of a user's value or name in a message."""
SHORTER = "write a shorter number"
"""The fix for a `LongNumber`."""


@dataclass(frozen=True)
class LongNumber:
    """Stands for a whole number with more digits than Python converts, so that a field can refuse it by name."""

    digits: int
    """How many it has."""

    def __str__(self) -> str:
        return f"a number of {self.digits:,} digits"


class Problem(NamedTuple):
    """One thing wrong with a request."""

    field: str
    """Path of the field, as `forgetting.piqa.ft[3]`."""
    what: str
    """The reason."""
    fix: str
    """What to write instead."""


def arm_problems(field: str, arm: Arm, *, n: int, metric: Metric, known: set[str] | None) -> Iterator[Problem]:
    """A wrong length, then every wrong cell; `known`: the label keys that may occur."""
    yield from length_problem(field, arm, n=n)
    for index, cell in enumerate(arm):
        if cell is not None and (found := _cell_problem(cell, metric=metric, known=known)):
            yield Problem(f"{field}[{index}]", *found)


def length_problem(field: str, values: Sequence[Any] | None, *, n: int) -> Iterator[Problem]:
    """An optional list that has not one entry per item."""
    if values is not None and len(values) != n:
        what = f"it has {len(values)} entries where ft has {n}"
        yield Problem(field, what, "give every list one entry per test item, in the same order")


def index_problems(field: str, items: Sequence[int], *, n: int) -> Iterator[Problem]:
    """Indices that name no test item, or one twice."""
    if not items:
        yield Problem(field, "it holds no items", "list the slice's test items from 0, or leave the slice out")
    seen: set[int] = set()
    for place, item in enumerate(items):
        if not 0 <= item < n:
            what, fix = f"{quoted(item)} is not the index of a test item", f"take indices from 0 to {n - 1}"
            yield Problem(f"{field}[{place}]", what, fix)
        if item in seen:
            yield Problem(f"{field}[{place}]", f"item {quoted(item)} occurs twice", "list each item once")
        seen.add(item)


def _cell_problem(cell: Cell | LongNumber, *, metric: Metric, known: set[str] | None) -> tuple[str, str] | None:
    if isinstance(cell, LongNumber):
        return f"{cell} is too long", SHORTER
    if known is not None:
        if isinstance(cell, str | int) and label_key(cell) in known:
            return None
        return (
            f"the label {quoted(cell)} does not occur in y",
            "write null for an output that is none of the labels",
        )
    if not isinstance(cell, float | int) or cell != cell:
        return f"{quoted(cell)} is not a number", "write null for an item without a usable output"
    if metric == "binary" and cell not in (0, 1):
        return f"{quoted(cell)} is neither 0 nor 1", "write 0 or 1, or set metric to graded"
    if not 0 <= cell <= 1:
        return f"the score {quoted(cell)} is outside 0 to 1", "rescale the metric to 0 to 1"
    return None


def label_key(label: Cell) -> str:
    """A label's identity: the number 1, the text "1" and true are three labels."""
    return json.dumps(label)


def quoted(value: object) -> str:
    """A user's value on one short line."""
    if isinstance(value, LongNumber):
        return str(value)
    try:
        return _short(json.dumps(value, default=str))
    except (RecursionError, ValueError):  # Nested too deeply, or a number too long to be written out.
        return f"this {type(value).__name__}"


def named(name: str) -> str:
    """A name in a path, short; half a surrogate pair, which no output could hold, is spelt out."""
    return _short(name.encode("utf-8", "backslashreplace").decode())


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
