"""Turn what befalls a step into its next attempt: as it was, a smaller one, or none.

While an attempt goes on, a mark beside the step's file says how it began. Whatever ends the attempt takes the mark
away, but for a kill of the whole run. Whoever finds one looks at the kernel's count: where it has killed for memory
since, it was memory; else anybody may have killed the run, and the step begins as if nothing had been.
"""

import json
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness.adapters.generator import Tell
from harness.errors import StepBroke, WorkerDied
from harness.halving import SIZE
from harness.runner.deaths import boot, memory_kills, next_try
from harness.runner.execute import write_step
from harness.steps import Step

MARK = ".mark"
KILLED = WorkerDied(-signal.SIGKILL)


@dataclass(frozen=True)
class Attempt:
    """One try of a step in one process."""

    step: Step
    """With the examples per pass that it begins with."""
    deaths: int
    """Of workers before it; a run that was killed for memory counts as one."""
    last: bool
    """Whether an error that nobody expected is the step's: it is not optional, or broke in another process before."""

    def after(self, death: WorkerDied, *, of_memory: bool) -> "Attempt | None":
        """The next one; None where the step is given up."""
        following = next_try(self.step, death, deaths=self.deaths + 1, of_memory=of_memory)
        return None if following is None else replace(self, step=following, deaths=self.deaths + 1)


@dataclass(frozen=True)
class Mark:
    """How an attempt began."""

    boot: str
    kills: int
    """As the kernel had counted them."""
    deaths: int
    size: int | None
    """Examples per pass; None: as the plan has it."""


def attempted(
    step: Step, path: Path, *, ask: Callable[[bool], None], renew: Callable[[], None], tell: Tell
) -> WorkerDied | None:
    """Write the step to `path` and `ask` a worker for it, again and again; the last death where it is given up.

    `ask` is told whether the attempt is the last that may break. `renew` ends a worker that did.
    """
    mark, death = path.with_suffix(MARK), KILLED
    attempt = _first(step, mark=mark, tell=tell)
    try:
        while attempt is not None:
            write_step(attempt.step, path)
            kills = _marked(mark, attempt)
            try:
                ask(attempt.last)
                return None
            except StepBroke as broken:
                if attempt.last:
                    raise
                renew()
                tell(f"it broke ({broken.error}); a fresh worker begins the step again")
                attempt = replace(attempt, last=True)
            except WorkerDied as found:
                death, before = found, attempt.step
                attempt = attempt.after(death, of_memory=memory_kills() > kills)
                if attempt is not None:
                    fewer = "" if attempt.step == before else f" with {attempt.step.local[SIZE]} examples per pass"
                    tell(f"the worker died ({death}); a fresh one begins the step again{fewer}")
        return death
    finally:
        mark.unlink(missing_ok=True)


def _first(step: Step, *, mark: Path, tell: Tell) -> Attempt | None:
    """The first attempt of this run, after what became of the last one of a run before."""
    fresh, left = Attempt(step, deaths=0, last=not step.optional), _left(mark)
    if left is None or not left.boot or left.boot != boot() or left.kills >= memory_kills():
        return fresh
    before = step if left.size is None else replace(step, local={**step.local, SIZE: left.size})
    attempt = replace(fresh, step=before, deaths=left.deaths).after(KILLED, of_memory=True)
    if attempt is not None and attempt.step != before:
        tell(f"the run was killed for memory; the step begins with {attempt.step.local[SIZE]} examples per pass")
    return attempt


def _left(mark: Path) -> Mark | None:
    """What an attempt left that came to no end; one that is not whole tells nothing."""
    try:
        return Mark(**json.loads(mark.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _marked(mark: Path, attempt: Attempt) -> int:
    """The kernel's count as the attempt begins, which is on disk now."""
    found = Mark(boot(), memory_kills(), attempt.deaths, attempt.step.local.get(SIZE))
    mark.write_text(json.dumps(asdict(found)), "utf-8")
    return found.kills
