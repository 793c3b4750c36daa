"""Refuse a run that this machine cannot hold, or that could not say what was kept, before anything heavy starts.

Warn of one that may be so.
"""

from pathlib import Path

from harness.adapters.machine import this_machine
from harness.cli.consoles import err
from harness.cli.meeting import MOST, met_errors
from harness.errors import SpecErrors, UserError
from harness.family_asks import every_family_asks
from harness.plan import Goal, Plan
from harness.plan.setup import Setup
from harness.prepare import STATE
from harness.report.text import one_line
from harness.room import Shortage, planned_load, shortages
from harness.store import Store

FORCED = "--force begins all the same"


class Admission:
    """Looks at every plan of a run, and once, when the sizes of the data are known, at what the run needs."""

    def __init__(self, setup: Setup, store: Store, *, goal: Goal, force: bool) -> None:
        self._setup, self._store, self._goal, self._force = setup, store, goal, force
        self._looked = False

    def __call__(self, current: Plan) -> None:
        """Raises `UserError` where even the least that is needed does not fit, unless it is forced."""
        if self._looked or current.data is None or current.done:
            return
        self._looked = True
        # What was begun has shown that it fits, or was forced; it is not refused half-way.
        begun = self._trained(current) > 0
        told = [(one.certain, self._error(one)) for one in self._shortages(current)]
        told += [] if begun else self._met(current.data.path)
        refused = [error for certain, error in told if certain and not (self._force or begun)]
        for _, error in told:
            if error not in refused:
                err.print(one_line(f"warning: {error}"), style="bold", markup=False)
        if refused:
            raise SpecErrors([UserError(one.what, where=one.where, fix=f"{one.fix}; {FORCED}") for one in refused])

    def _met(self, data: Path) -> list[tuple[bool, UserError]]:
        """Benchmarks of which training meets items, and whether it meets most of them."""
        if self._goal != "verdict":
            return []
        found = met_errors(self._setup.resolved, benchmarks=self._setup.benchmarks, data=data)
        return [(met.share > MOST, error) for met, error in found]

    def _shortages(self, current: Plan) -> list[Shortage]:
        root = self._setup.resolved.root
        load = planned_load(self._setup, current, machine=this_machine(root / STATE), goal=self._goal)
        asked = every_family_asks(self._setup.resolved, sizes=load.sizes)
        return shortages(load, asked=asked, epochs_done=self._trained(current))

    def _trained(self, current: Plan) -> int:
        """Epochs that are there."""
        keys = {step.key for step in current.wanted if step.stage == "train"}
        found = (self._store.find(key) for key in keys)
        return sum(artifact is not None and artifact.status == "done" for artifact in found)

    def _error(self, short: Shortage) -> UserError:
        return UserError(short.what, where=self._setup.resolved.where(*short.field), fix=short.fix)
