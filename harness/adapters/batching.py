"""Turn prompts into batches: the longest first, as many together as the memory holds."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from harness.adapters.fitting import fitting_rows, memory_ran_out, reads_padding

SMALL = 512
"""A batch of fewer tokens than this leaves the machine idle."""
Result = TypeVar("Result")
Work = Callable[[list[int]], list[Result]]
"""What becomes of the prompts at these places, in their order."""


def worked(
    work: Work[Result],
    tokens: Mapping[int, int],
    *,
    base: Any,
    most: int | None,
    alike: float = 0.0,
    keep: Callable[[dict[int, Result]], None],
) -> dict[int, Result]:
    """The result of every place in `tokens`, its length with what is written; `keep` is told batch by batch.

    `most` is the size of a batch; None fits it to the memory. No prompt of a batch is shorter than the share `alike` of
    its longest, so that little padding is read, but for small batches.
    """
    found: dict[int, Result] = {}
    for batch in _batches(tokens, base=base, most=most, alike=alike):
        new = dict(zip(batch, _in_memory(work, batch), strict=True))
        keep(new)
        found |= new
    return found


def _batches(tokens: Mapping[int, int], *, base: Any, most: int | None, alike: float) -> Iterator[list[int]]:
    """From the longest on, so that what is left after a batch makes the same batches again."""
    left = sorted(tokens, key=lambda place: (-tokens[place], place))
    while left:
        longest = tokens[left[0]]
        size = 1 if reads_padding(base) else most or fitting_rows(base, tokens=longest)
        least = min(size, max(1, SMALL // longest))
        batch = [p for i, p in enumerate(left[:size]) if i < least or tokens[p] >= alike * longest]
        yield batch
        left = left[len(batch) :]


def _in_memory(work: Work[Result], batch: list[int]) -> list[Result]:
    """The work on a batch; on its halves where the memory does not hold it."""
    try:
        return work(batch)
    except RuntimeError as error:
        if len(batch) == 1 or not memory_ran_out(error):
            raise
    middle = len(batch) // 2
    return [*_in_memory(work, batch[:middle]), *_in_memory(work, batch[middle:])]
