"""Refuse a run that this machine cannot hold, before anything heavy starts; warn of one that it may not hold."""

from harness.adapters.machine import this_machine
from harness.cli.consoles import err
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
        short = self._shortages(current)
        # What was begun has shown that it fits, or was forced; it is not refused half-way.
        refused = [] if self._force or self._trained(current) else [one for one in short if one.certain]
        for one in short:
            if one not in refused:
                err.print(one_line(f"warning: {self._error(one)}"), style="bold", markup=False)
        if refused:
            raise SpecErrors([self._error(one, more=f"; {FORCED}") for one in refused])

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

    def _error(self, short: Shortage, *, more: str = "") -> UserError:
        where = self._setup.resolved.where(*short.field)
        return UserError(short.what, where=where, fix=f"{short.fix}{more}")
