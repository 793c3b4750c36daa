"""Turn training that runs out of memory into training that does not: half the examples per pass, twice the passes."""

import gc
from collections.abc import Callable
from typing import TypeVar

from harness.adapters.fitting import memory_ran_out
from harness.adapters.language_model import let_go
from harness.errors import TrainingFailed
from harness.halving import HOPELESS, next_size

Result = TypeVar("Result")


def in_memory(
    work: Callable[[int], Result], *, size: int, batch: int, tell: Callable[[str], None]
) -> tuple[Result, int]:
    """(result, size): what `work` makes of `size` examples per pass, or of half as many, …, where that does not fit.

    Each level is tried once, from the start of the work. Raises `TrainingFailed` after the last.
    """
    while True:
        try:
            return work(size), size
        except (RuntimeError, MemoryError) as error:
            if not memory_ran_out(error):
                raise
        # Past the except clause nothing holds the tensors of the attempt. The base goes too: it may be half wrapped,
        # and the memory about it in pieces; it is loaded as it was.
        let_go()
        gc.collect()
        smaller = next_size(size, batch=batch)
        if smaller is None:
            raise TrainingFailed(f"out of memory {HOPELESS}")
        tell(f"out of memory with {size} examples per pass; the epoch begins again with {smaller}")
        size = smaller
