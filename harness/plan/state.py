"""What planning knows: what is there, and what is missing."""

from dataclasses import dataclass, field
from typing import Literal

from harness.plan.arms import PromptArm
from harness.records import Trial
from harness.steps import Step
from harness.store import Artifact

Goal = Literal["baselines", "search", "verdict"]


@dataclass(frozen=True)
class ScoredArm:
    """An arm with its stored answers and scores."""

    arm: PromptArm
    answers: Artifact
    scores: Artifact


@dataclass(frozen=True)
class Plan:
    """What is there and what is missing for a goal."""

    wanted: list[Step]
    """Every step this pass looked for, in order."""
    missing: list[Step]
    """Those without an artifact whose own needs are met."""
    data: Artifact | None = None
    testset: Artifact | None = None
    labels: list[str] = field(default_factory=list)
    baselines: list[ScoredArm] = field(default_factory=list)
    """Every prompt configuration, scored on validation."""
    trials: list[Trial] = field(default_factory=list)
    champions: dict[str, str] = field(default_factory=dict)
    """Family to arm, chosen on validation."""
    tested: dict[str, ScoredArm] = field(default_factory=dict)
    """Family to its champion's test answers."""
    tuned: ScoredArm | None = None
    """The tuned champion's test answers."""
    forgetting: dict[str, tuple[Artifact, Artifact]] = field(default_factory=dict)
    """Benchmark to (base, tuned)."""
    judgement: Artifact | None = None

    @property
    def done(self) -> bool:
        """Whether the goal is reached."""
        return not self.missing
