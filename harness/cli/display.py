"""Show a run going on: bars with time left on a terminal, a line a step elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from harness.adapters.generator import WARNING
from harness.cli.consoles import err, minutes, say, warn
from harness.estimate import Work, kind_of, remaining_seconds
from harness.halving import taken_size
from harness.plan import Plan
from harness.plan.state import GatePower
from harness.report.text import one_line
from harness.steps import Step
from harness.store import Artifact

LIGHT = ("score", "lock", "data", "slices", "testset", "judge")


class RunDisplay:
    """Implements the runner's `Display` on stderr."""

    def __init__(
        self,
        finished: Callable[[str], Artifact | None],
        *,
        work: Callable[[Plan], list[Work]],
        power: Callable[[Plan], list[GatePower]],
    ) -> None:
        self._finished, self._expected, self._power = finished, work, power
        self._work: list[Work] = []
        self._told: set[bool] = set()
        self._left, self._since = 0.0, time.monotonic()
        self._step: Step | None = None
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
        )
        self._bars = Progress(
            *columns,
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
        self._bar = self._bars.add_task("starting", total=None, left="")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def planned(self, current: Plan) -> None:
        """A new plan: estimate anew what is left, and tell what can be proven, once the size of the data is known."""
        if current.data is None or (current.done and current.refusal is None):
            return
        self._tell(current)
        # The task's own data are there; a `data` step that is missing is that of a task which is mixed in.
        if current.done or any(step.stage in ("data", "further") for step in current.missing):
            return
        first = not self._work
        self._work = self._work or self._expected(current)
        self._left = remaining_seconds(self._work, current=current, finished=self._finished)
        self._since = time.monotonic()
        if first:
            say(f"about {minutes(self._left)} to go; Ctrl-C is safe, the same command goes on")

    def _tell(self, current: Plan) -> None:
        """What each gate can prove, a line each: once as assumed, once as measured."""
        if (measured := bool(current.power)) not in self._told:
            self._told.add(measured)
            for row in self._power(current):
                say(f"power: {row.sentence}")

    def started(self, step: Step) -> None:
        """A step begins."""
        self._step = step
        if not err.is_terminal and kind_of(step):
            say(f"… {step.title}{self._plain_left()}")
        self._bars.reset(self._bar, total=None, description=step.title, left=self._left_text())

    def advanced(self, done: int, total: int) -> None:
        """Part of a step is done."""
        self._bars.update(self._bar, completed=done, total=total, description=self._title(), left=self._left_text())

    def waiting(self, why: str) -> None:
        """A step goes on later, or without something."""
        if why.startswith(WARNING):
            warn(why)
            return
        text = f"{self._title()}: {why}"
        if not err.is_terminal:
            say(f"… {text}")
        self._bars.update(self._bar, description=one_line(text))

    def finished(self, artifact: Artifact) -> None:
        """A step is committed."""
        title = self._step.title if self._step else artifact.key
        if artifact.status == "failed":
            say(f"✗ {title}: {artifact.error}")
        elif artifact.stage not in LIGHT:
            say(f"✓ {title}  {_result(artifact)}{minutes(artifact.seconds)}")
        elif artifact.stage == "score" and artifact.inputs["split"] != "test":  # The report shows what may be seen.
            name, value = next(iter(artifact.summary["mean"].items()))
            say(f"  {title.removeprefix('score ')}: {name} {value:.3f}")

    def _title(self) -> str:
        return self._step.title if self._step else ""

    def _left_text(self) -> str:
        left = self._left - (time.monotonic() - self._since)
        return f"· about {minutes(max(left, 5))} left" if self._left else ""

    def _plain_left(self) -> str:
        return "" if err.is_terminal else f"  {self._left_text()}"


def _result(artifact: Artifact) -> str:
    """What a step found, as far as it may be known before the verdict.

    The tuned model's benchmark score is one of its gates: seen between two planned looks, it would be one more look.
    """
    summary = artifact.summary
    if artifact.stage == "train":
        fewer = taken_size(artifact)
        return f"loss {summary['train_loss']:.3f}  " + (f"{fewer} examples per pass  " if fewer else "")
    if artifact.stage == "probe":
        return f"cross-entropy {summary['cross_entropy']:.3f}  "
    if artifact.stage == "forgetting" and "adapter" not in artifact.needs:
        return f"accuracy {summary['acc']:.3f} on {summary['n']} items  "
    return ""
