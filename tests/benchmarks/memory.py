"""Whether a search's memory stays what it was: resident bytes of the run and its worker, trial after trial."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from scratch import environment, workspace

EARLY, LATE = 2, 10
"""Trials after which the memory is read."""
SPEC: dict[str, Any] = {
    "task": "sentence_compression",
    "model": "sample",
    "baselines": ["trivial"],
    "search": {
        "trials": LATE,
        "space": {"rank": [8, 16, 32], "learning_rate": [3e-4, 3e-3], "epochs": [1, 2], "dropout": [0, 0]},
        "pruner": "none",
    },
    "gates": {"allow_underpowered": True},
    "data": {"splits": {"train": 8, "validation": 3, "test": 12, "per_group": 1}},
}
SCORED = re.compile(r"trial (\d+), epoch \d+: ")
"""The line of a scored epoch."""


def ratios() -> Iterator[tuple[str, float, float]]:
    """(name, 1.1 times the memory after two trials over that after ten, target)."""
    with tempfile.TemporaryDirectory() as folder:
        spec = workspace(Path(folder), name="memory_bench", spec=json.dumps(SPEC))
        held = _held(spec, folder=Path(folder))
    yield "search_memory", 1.1 * held[EARLY - 1] / held[LATE - 1], 1.0


def _held(spec: Path, *, folder: Path) -> dict[int, int]:
    """Resident bytes of a real search, command and worker together, as each trial ends."""
    command = [sys.executable, "-m", "harness", "search", str(spec)]
    found: dict[int, int] = {}
    told = []
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        for line in run.stderr:
            told.append(line)
            if scored := SCORED.search(line):
                found[int(scored[1])] = held = _resident(run.pid)
                print(f"{scored[0]}{held / 2**20:.0f} MiB", file=sys.stderr)
    assert run.returncode == 0, "".join(told)
    return found


def _resident(pid: int) -> int:
    """Resident bytes of a process and all that it started."""
    process = psutil.Process(pid)
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
