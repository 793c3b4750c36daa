"""Print one line a benchmark: `NAME ratio=… target=… ok|short`. Run with nothing else going on: `make bench`.

`python tests/benchmarks engine` runs one group only: judging, engine, training, wrong_verdicts, memory, search, or one
of those that run only where they are named: methods, and overhead, a whole quickstart (`make bench BENCH=overhead`).
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import engine
import judging
import memory
import methods
import overhead
import searching
import training
import wrong_verdicts
from timing import print_ratio

Lines = Iterator[tuple[str, float, float]]
"""Name, ratio and the target it must reach."""
GROUPS: dict[str, Callable[[], Lines]] = {
    "judging": judging.ratios,
    "engine": engine.ratios,
    "training": training.ratios,
    "wrong_verdicts": wrong_verdicts.ratios,
    "memory": memory.ratios,
    "search": searching.ratios,
    "methods": methods.ratios,
    "overhead": overhead.ratios,
}
NAMED_ONLY = {"methods", "overhead"}


def main(wanted: list[str]) -> None:
    """The reference's median to ours, both from this run; of wrong verdicts, alpha to the share measured."""
    if unknown := set(wanted) - GROUPS.keys():
        sys.exit(f"no group {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    for name in wanted or [name for name in GROUPS if name not in NAMED_ONLY]:
        for line, ratio, target in GROUPS[name]():
            print_ratio(line, ratio=ratio, target=target)


main(sys.argv[1:])
