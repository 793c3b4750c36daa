"""How long something takes, and the line that says so."""

import statistics
import time
from collections.abc import Callable

REPEATS = 3


def median_seconds(work: Callable[[], object]) -> float:
    """Median wall-clock of `work` over the repeats."""
    return statistics.median(seconds(work) for _ in range(REPEATS))


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock of `work`."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def print_ratio(name: str, *, ratio: float, target: float) -> None:
    """The line of one benchmark."""
    print(f"{name} ratio={ratio:.2f} target={target} {'ok' if ratio >= target else 'short'}", flush=True)
