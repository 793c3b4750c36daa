"""Turn the death of a worker into what is tried next, or into what a person is told of it."""

import signal
from pathlib import Path

from harness.errors import UserError, WorkerDied
from harness.halving import HOPELESS, halved
from harness.runner.faults import FREE, room_for
from harness.steps import Step

COUNTERS = Path("/proc/vmstat")
"""The kernel's, of the whole machine; it counts what it kills in control groups too."""
BOOT = Path("/proc/sys/kernel/random/boot_id")
"""Another after every start of the machine, when the counters begin anew."""
LINES, WIDTH = 3, 200
"""Of the log that are quoted, and characters of each."""


def memory_kills() -> int:
    """How many processes the kernel has killed because memory ran out; 0 where it does not tell."""
    try:
        rows = [line.split() for line in COUNTERS.read_text().splitlines()]
    except OSError:
        return 0
    return next((int(row[1]) for row in rows if row[0] == "oom_kill"), 0)


def boot() -> str:
    """Which start of the machine the count belongs to; empty where the system does not tell."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return ""


def next_try(step: Step, death: WorkerDied, *, deaths: int, of_memory: bool) -> Step | None:
    """What a fresh worker is given after so many deaths in this step; None where it is given up.

    The kernel ends whoever takes too much memory with the same signal as anybody may send. So one such death says
    nothing unless the kernel counted it (`of_memory`), and the step is done again as it was, with the same result; a
    second one does, and training goes on with half the examples per pass.
    """
    smaller = halved(step) if _killed(death) and (of_memory or deaths > 1) else None
    return smaller or (step if deaths == 1 else None)


def last_words(step: Step, death: WorkerDied) -> str:
    """Why a trial failed that was given up."""
    if step.stage == "train" and _killed(death):
        return f"the worker was killed ({death}), as when memory runs out, {HOPELESS}"
    return f"the worker died twice ({death})"


def given_up(step: Step, death: WorkerDied, *, log: Path, again: str) -> UserError:
    """What ends a run whose workers did not survive a step that is no trial; `again` does the step by hand."""
    crashed = f"read the end of that file, and repeat the step with `{again}`"
    fix = f"it probably ran out of memory: {room_for(step.stage)}" if _killed(death) else crashed
    return UserError(f"the worker died twice in “{step.title}” ({death})", where=str(log), fix=fix)


def not_started(death: WorkerDied, *, log: Path, since: int) -> UserError:
    """What ends a run whose worker died before it was ready, whatever for; quotes the log from `since` on."""
    with log.open("rb") as file:
        file.seek(since)
        lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines()]
    said = " / ".join([line[:WIDTH] for line in lines if line][-LINES:])
    fix = f"it probably ran out of memory: {FREE}" if _killed(death) else "mend what it says"
    what = f"the worker did not start ({death}){f': {said}' if said else ', and said nothing'}"
    return UserError(what, where=str(log), fix=f"{fix}; finished steps are kept, the same command goes on")


def _killed(death: WorkerDied) -> bool:
    return death.code == -signal.SIGKILL
