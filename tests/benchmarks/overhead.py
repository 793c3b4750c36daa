"""How much of a quickstart run is anything but forward passes, backward passes, optimiser steps and generation.

The quickstart runs once, whole, from the start of its process to its end, in a workspace that is empty but for the
converted sample model; `metered.py` is its worker's clock. A run made smaller would not tell: imports and the start of
processes take their half a minute whatever the size of the data. So this group is not one of those that run unasked.

Counted as computing: calls of torch modules and of the loss, `backward`, the optimiser's steps, and the loops around
forward passes that write answers and read likelihoods. Everything else is overhead: starting processes, imports,
reading the model, the data step and its search for leaks, tokenising, the trainer's own bookkeeping, metrics, storing,
planning, the verdict and the report.
"""

import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scratch import ROOT, VERDICTS, output, workspace
from timing import seconds

from harness.adapters import sample_model

ALLOWED = 0.05
METERED = ROOT / "tests" / "benchmarks" / "metered.py"


def ratios(*, overrides: Sequence[str] = ()) -> Iterator[tuple[str, float, float]]:
    """(name, the allowed share of overhead over the share found, target); `overrides` are `--set` of the spec."""
    gguf = sample_model.packaged_file()
    assert gguf is not None, "the sample model is needed: make install"
    sample_model.converted(gguf, say=print)
    settings = [word for override in overrides for word in ("--set", override)]
    with tempfile.TemporaryDirectory() as temporary:
        folder, lines = Path(temporary), Path(temporary, "meter.jsonl")
        text = (ROOT / "experiments" / "quickstart.yaml").read_text("utf-8")
        spec = workspace(folder, name="quickstart", spec=text)
        command = [sys.executable, "-P", str(METERED), "run", str(spec), *settings]
        whole = seconds(lambda: output(command, folder=folder, good=VERDICTS, METER=str(lines)))
        steps = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    computing = sum(step["computing"] for step in steps)
    _told(steps, whole=whole)
    yield "harness_overhead", ALLOWED / (1 - computing / whole), 1.0


def _told(steps: list[dict[str, Any]], *, whole: float) -> None:
    """Where the time went, to standard error."""
    spent: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for step in steps:
        spent[step["stage"]].append(step)
    print("stage          steps  seconds  of them overhead", file=sys.stderr)
    for stage, some in spent.items():
        total, rest = sum(one["seconds"] for one in some), sum(one["seconds"] - one["computing"] for one in some)
        print(f"{stage:14} {len(some):5} {total:8.1f} {rest:8.1f}", file=sys.stderr)
    between = whole - sum(step["seconds"] for step in steps)
    print(f"{'between steps':20} {between:8.1f} {between:8.1f}", file=sys.stderr)
    rest = whole - sum(step["computing"] for step in steps)
    print(f"{'all':20} {whole:8.1f} {rest:8.1f}  {100 * rest / whole:.1f} %", file=sys.stderr)
