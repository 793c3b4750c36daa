"""Turn missing steps into artifacts, one after the other, until nothing is missing."""

from collections.abc import Callable
from typing import Protocol

from harness.plan import Goal, Plan, plan
from harness.plan.setup import Setup
from harness.steps import Step
from harness.store import Artifact, Store
from harness.uses import Opening


class Executor(Protocol):
    """Whoever computes a step; its result is the committed artifact."""

    def execute(self, step: Step, *, progress: Callable[[int, int], None], tell: Callable[[str], None]) -> Artifact: ...


class Display(Protocol):
    """Whoever shows a run going on."""

    def planned(self, current: Plan) -> None: ...
    def started(self, step: Step) -> None: ...
    def advanced(self, done: int, total: int) -> None: ...
    def waiting(self, why: str) -> None: ...
    def finished(self, artifact: Artifact) -> None: ...


def run_to_goal(
    setup: Setup,
    *,
    store: Store,
    executor: Executor,
    display: Display,
    goal: Goal = "verdict",
    admit: Callable[[Plan], None] = lambda current: None,
    watch: Callable[[Plan], None] = lambda current: None,
) -> Plan:
    """Plan, do what is missing, plan again; the plan that misses nothing is the result, and `watch` sees every one.

    The ledger is opened before the first step that looks at test scores. `admit` sees every plan before its steps are
    done, and raises `UserError` where they should not be.
    """
    while True:
        current = plan(setup, finished=store.find, goal=goal)
        admit(current)
        display.planned(current)
        watch(current)
        if current.done:
            return current
        for step in current.missing:
            if "opening" in step.local:
                setup.ledger.open(Opening(**step.local["opening"]))
            display.started(step)
            display.finished(executor.execute(step, progress=display.advanced, tell=display.waiting))
