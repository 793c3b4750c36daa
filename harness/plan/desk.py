"""Collect what is missing while a plan looks up what is there."""

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.records import Trial
from harness.steps import Step
from harness.store import Artifact


@dataclass
class Desk:
    """One planning pass: every step it wanted, in order, and those whose artifact is missing."""

    finished: Callable[[str], Artifact | None]
    wanted: list[Step] = field(default_factory=list)
    missing: list[Step] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    """The search as far as this pass could see it."""

    def want(self, step: Step) -> Artifact | None:
        """The step's artifact, or None after noting that it is missing."""
        self.wanted.append(step)
        found = self.finished(step.key)
        if found is None and all(step.key != other.key for other in self.missing):
            self.missing.append(step)
        return found
