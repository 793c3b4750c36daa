"""Print one line a benchmark: `NAME ratio=… target=… ok|short`. Run with nothing else going on: `make bench`."""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import judging
import prompting
import wrong_verdicts

REPEATS = 3
BENCHMARKS = [*judging.BENCHMARKS, *prompting.BENCHMARKS]


def median_seconds(work: Callable[[], object]) -> float:
    """Median wall-clock of `work` over the repeats."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def print_ratio(name: str, *, ratio: float, target: float) -> None:
    """The line of one benchmark."""
    print(f"{name} ratio={ratio:.2f} target={target} {'ok' if ratio >= target else 'short'}", flush=True)


def main() -> None:
    """Ratio of the reference's median to ours, both from this run; then alpha to the wrong verdicts measured."""
    for name, reference, ours, target in BENCHMARKS:
        wanted = median_seconds(reference) if callable(reference) else reference
        print_ratio(name, ratio=wanted / median_seconds(ours), target=target)
    for name, ratio, target in wrong_verdicts.ratios():
        print_ratio(name, ratio=ratio, target=target)


main()
