"""Turn prompts into batches: the longest first, as many together as the memory holds."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from harness.adapters.fitting import fitting_rows, memory_ran_out

Result = TypeVar("Result")
Work = Callable[[list[int]], list[Result]]
"""What becomes of the prompts at these places, in their order."""


def worked(
    work: Work[Result],
    tokens: Mapping[int, int],
    *,
    base: Any,
    most: int | None,
    keep: Callable[[dict[int, Result]], None],
) -> dict[int, Result]:
    """The result of every place in `tokens`, its length with what is written; `keep` is told batch by batch.

    `most` is the size of a batch; None fits it to the memory.
    """
    found: dict[int, Result] = {}
    for batch in _batches(tokens, base=base, most=most):
        new = dict(zip(batch, _in_memory(work, batch), strict=True))
        keep(new)
        found |= new
    return found


def _batches(tokens: Mapping[int, int], *, base: Any, most: int | None) -> Iterator[list[int]]:
    """From the longest on, so that what is left after a batch makes the same batches again."""
    left = iter(sorted(tokens, key=lambda place: (-tokens[place], place)))
    for first in left:
        size = most or fitting_rows(base, tokens=tokens[first])
        yield [first, *itertools.islice(left, size - 1)]


def _in_memory(work: Work[Result], batch: list[int]) -> list[Result]:
    """The work on a batch; on its halves where the memory does not hold it."""
    try:
        return work(batch)
    except RuntimeError as error:
        if len(batch) == 1 or not memory_ran_out(error):
            raise
    middle = len(batch) // 2
    return [*_in_memory(work, batch[:middle]), *_in_memory(work, batch[middle:])]
