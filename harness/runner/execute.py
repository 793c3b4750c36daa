"""Turn one step into one committed artifact, in this process."""

import json
import os
import platform
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.adapters.fitting import machine_memory
from harness.adapters.generator import Tell, untold
from harness.adapters.peaks import peaks, reset_peaks
from harness.disk import found_no_room
from harness.errors import TrainingFailed, UserError
from harness.runner.faults import brief, machine_broke
from harness.stages import Job, stage_function
from harness.steps import Step
from harness.store import Artifact, Store

PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "datasets", "lm_eval", "evaluate", "optuna")
TRACEBACK = "traceback.txt"
"""In the artifact of a failure that nobody expected."""


class InProcess:
    """Runs steps where it stands; for tests and for reproducing a failure by hand."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def execute(
        self, step: Step, *, progress: Callable[[int, int], None], tell: Tell = untold, last: bool = True
    ) -> Artifact:
        """The artifact of `step`; a failed optional step leaves an artifact that says so.

        Not `last`: somebody tries it again in another process, and so what nobody expected is raised, not recorded.
        """
        needs = {role: self.store.get(key).path for role, key in step.needs.items()}
        start = time.monotonic()
        reset_peaks()
        with self.store.workspace(step.key) as out:
            job = Job(
                inputs=step.inputs,
                needs=needs,
                local=step.local,
                out=out,
                progress=progress,
                cache=self.store.root.parent,
                tell=tell,
            )
            try:
                summary, error = _attempted(step, job, last=last)
            except Exception:
                self._recheck(step)
                raise
            if error:
                self._recheck(step)
            return self.store.commit(
                step, path=out, summary=summary, seconds=time.monotonic() - start, provenance=provenance(), error=error
            )

    def _recheck(self, step: Step) -> None:
        """A failure where a file it rests on was damaged meanwhile is the damage's, and says nothing of the step."""
        for key in step.needs.values():
            self.store.recheck(key)


def _attempted(step: Step, job: Job, *, last: bool = True) -> tuple[dict[str, Any], str]:
    """(summary, error): trials may fail and are recorded, anything else travels."""
    try:
        return stage_function(step.stage)(job), ""
    except TrainingFailed as failure:
        if not step.optional:
            raise
        return {}, str(failure)
    except (UserError, OSError):
        # A full disk or a missing file says nothing about the trial.
        raise
    except Exception as failure:
        # What stops a probe is the machine or the benchmark, and no fault of the trial.
        machines = step.stage == "probe" or found_no_room(failure) or machine_broke(failure)
        if machines or not (step.optional and last):
            raise
        (job.out / TRACEBACK).write_text(traceback.format_exc(), "utf-8", "backslashreplace")
        return {}, brief(failure)


def provenance() -> dict[str, Any]:
    """The machine and the versions that made an artifact."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "memory_bytes": machine_memory(),
        **peaks(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def write_step(step: Step, path: Path) -> None:
    """One step as a file that reproduces it by hand; paths in it may be no text (`surrogateescape`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(step), indent=1, ensure_ascii=False), "utf-8", "surrogateescape")


def read_step(path: Path) -> Step:
    """The step a file describes."""
    return Step(**json.loads(path.read_text("utf-8", "surrogateescape")))
