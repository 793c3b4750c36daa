"""Turn the death of a worker into what is tried next: the same step, a smaller one, or nothing."""

import signal
from pathlib import Path

from harness.errors import WorkerDied
from harness.halving import HOPELESS, halved
from harness.steps import Step

COUNTERS = Path("/proc/vmstat")
"""The kernel's, of the whole machine."""


def memory_kills() -> int:
    """How many processes the kernel has killed because memory ran out; 0 where it does not tell."""
    try:
        rows = [line.split() for line in COUNTERS.read_text().splitlines()]
    except OSError:
        return 0
    return next((int(row[1]) for row in rows if row[0] == "oom_kill"), 0)


def next_try(step: Step, death: WorkerDied, *, deaths: int, of_memory: bool) -> Step | None:
    """What a fresh worker is given after so many deaths in this step; None where it is given up.

    The kernel ends whoever takes too much memory with the same signal as anybody may send. So one such death says
    nothing unless the kernel counted it (`of_memory`), and the step is done again as it was, with the same result; a
    second one does, and training goes on with half the examples per pass.
    """
    killed = death.code == -signal.SIGKILL
    smaller = halved(step) if killed and (of_memory or deaths > 1) else None
    return smaller or (step if deaths == 1 else None)


def last_words(step: Step, death: WorkerDied) -> str:
    """Why a trial failed that was given up."""
    if step.stage == "train" and death.code == -signal.SIGKILL:
        return f"the worker was killed ({death}), as when memory runs out, {HOPELESS}"
    return f"the worker died twice ({death})"
