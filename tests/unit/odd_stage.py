"""A stage that does what its step says, attempt by attempt: it breaks, dies or leaves others behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness.stages import Job

SITE = """\
from harness.stages import STAGES
STAGES |= dict.fromkeys(("lock", "predict", "probe", "train"), "odd_stage:act")
print("what nobody asked")
"""
"""What makes it the stage of a worker, as `sitecustomize`."""


ERRORS: dict[str, Exception] = {
    "bug": KeyError("planted"),
    "import": ImportError("no planted module"),
    "GPU": RuntimeError("CUDA error: device-side assert triggered\nCompile with what helps"),
    "no room": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried"
    ),
}


def act(job: Job) -> dict[str, Any]:
    """One of `inputs["acts"]`, by how many attempts there were; the process ids are in the file `local["tries"]`."""
    tries = Path(job.local["tries"])
    with tries.open("a") as file:
        file.write(f"{os.getpid()}\n")
    what = job.inputs["acts"][len(tries.read_text().splitlines()) - 1]
    if what in ERRORS:
        raise ERRORS[what]
    _do(what, job)
    return {}


def _do(what: str, job: Job) -> None:
    beside = Path(job.local["tries"]).parent
    if what == "crash":
        time.sleep(0.2)
        os._exit(3)
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what.startswith("start another"):
        (beside / "another").write_text(str(subprocess.Popen(["sleep", "60"]).pid))
    if what == "fork and die":
        if (pid := os.fork()) == 0:
            time.sleep(60)
            os._exit(0)
        (beside / "another").write_text(str(pid))
        os.kill(os.getpid(), signal.SIGKILL)
    if what.startswith("tidy up"):
        runs: Any = SimpleNamespace(finish_last=(beside / "tidy").touch)
        sys.modules["harness.adapters.tracker_runs"] = runs
    if what.endswith("never end"):
        job.progress(1, 2)
        time.sleep(60)
