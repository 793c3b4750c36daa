"""Refuse a benchmark that the task is made of, before anything is trained; tell of one that shares items with it.

Benchmarks that lie in lm-eval alone are not read here; their gate leaves out what training has met all the same.
"""

from collections.abc import Mapping
from pathlib import Path

from harness.errors import UserError
from harness.loading import Resolved
from harness.plan.setup import Benchmark
from harness.stages.met import Benchmarks, Met, learnt_rows, met_benchmarks

MOST = 0.5
"""A benchmark of which training meets more than this cannot say what was kept."""


def readable(benchmarks: Mapping[str, Benchmark]) -> Benchmarks:
    """Those whose items lie on this machine."""
    return {name: (bench.file, bench.data) for name, bench in benchmarks.items() if bench.data is not None}


def met_errors(resolved: Resolved, *, benchmarks: Mapping[str, Benchmark], data: Path) -> list[tuple[Met, UserError]]:
    """What the training and validation examples in a folder have of each benchmark, as it is told."""
    if not (here := readable(benchmarks)):
        return []
    found = met_benchmarks(here, rows=learnt_rows(data))
    return [(met, _error(resolved, name, met=met)) for name, met in found.items()]


def _error(resolved: Resolved, name: str, *, met: Met) -> UserError:
    place = [gate.benchmark for gate in resolved.experiment.gates.forgetting].index(name)
    fix = "name another benchmark; this gate leaves out the items that training has met"
    return UserError(met.sentence(name), where=resolved.where("gates", "forgetting", place, "benchmark"), fix=fix)
