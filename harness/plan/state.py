"""What planning knows: what is there, and what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from harness.errors import UserError
from harness.plan.arms import PromptArm
from harness.prompt_space import Space
from harness.records import PromptTrial, Record, Trial
from harness.steps import Step
from harness.store import Artifact

Goal = Literal["baselines", "search", "verdict"]
Basis = Literal["assumed", "measured on validation"]
GateName = Literal["improvement", "metric", "rouge", "format", "cost", "latency", "forgetting", "slices", "ships"]


SliceSizes = Mapping[str, Mapping[str, Mapping[str, int]]]
"""Column to value to `items` and `sources`."""


class HeldOut(NamedTuple):
    """Size of what a gate is tested on; null while it is not known."""

    items: int | None
    groups: int | None
    """Independent sources among them."""


class Evidence(NamedTuple):
    """What is known of one metric before the search."""

    variance: float
    """Of the difference of two arms; for right or wrong answers the share of items on which they disagree."""
    icc: float
    """How alike the differences within one source are; 1: a source counts once."""
    score_variance: float | None
    """Of one arm's score; null for right or wrong answers, which have none of their own."""
    score_icc: float
    room: float | None
    """What the best prompt leaves to gain; null before it is scored."""
    basis: Basis


class GatePower(Record):
    """What one gate can prove, and what it would take."""

    gate: GateName
    """The gate."""
    metric: str
    """The metric; `acc` for a benchmark, the gate's own name for a share of answers."""
    name: str
    """`beats every prompt`, `floor 0.5 rougeL`, `format share 0.95`, `keeps:piqa`, `slices:topic`, `ships:merged`."""
    items: int | None
    """Items it is tested on, requests for latency; null where that is not known yet."""
    groups: int | None
    """Independent sources among them."""
    smallest: float | None
    """What must be true to be proven 4 times in 5: a gain over every prompt, a score, a share of answers, or the
    change against the base model (below 0: a loss that still passes); null where unknown or where nothing can be.
    """
    chance: float | None = None
    """How often a model that lost nothing passes; of the gates that forbid a loss."""
    needed: int | None
    """Items that prove 5 points more than none, than the floor or than the share, or, of a gate that forbids a
    loss, that let a model pass 4 times in 5 that lost nothing; null where no number does.
    """
    basis: Basis
    """Where the spread of the scores comes from."""
    sentence: str
    """The same in words."""


@dataclass(frozen=True)
class ScoredArm:
    """An arm with its stored answers and scores."""

    arm: PromptArm
    answers: Artifact
    scores: Artifact


@dataclass(frozen=True)
class PromptSearch:
    """A family's search for a better prompt, as far as it went."""

    space: Space
    """What it varies."""
    known: list[PromptTrial] = field(default_factory=list)
    """What it learns from: prompts of the space that the family lists, then those that were tried, in order."""
    tried: list[ScoredArm] = field(default_factory=list)
    """The arms that were tried."""


@dataclass(frozen=True)
class Plan:
    """What is there and what is missing for a goal."""

    wanted: list[Step]
    """Every step this pass looked for, in order."""
    missing: list[Step]
    """Those without an artifact whose own needs are met."""
    data: Artifact | None = None
    slices: Artifact | None = None
    """Sizes of the slices of the test items, where the gates name any."""
    further: Mapping[str, Artifact] = field(default_factory=dict)
    """What is learnt besides the task: `text`, `replay`, `preferences` or `mix:TASK` to its rows."""
    testset: Artifact | None = None
    labels: list[str] = field(default_factory=list)
    baselines: list[ScoredArm] = field(default_factory=list)
    """Every prompt configuration, scored on validation."""
    prompt_searches: dict[str, PromptSearch] = field(default_factory=dict)
    """Family to its search; those that have none are left out."""
    trials: list[Trial] = field(default_factory=list)
    champions: dict[str, str] = field(default_factory=dict)
    """Family to arm, chosen on validation."""
    tested: dict[str, ScoredArm] = field(default_factory=dict)
    """Family to its champion's test answers."""
    tuned: ScoredArm | None = None
    """The tuned champion's test answers."""
    seeds: list[ScoredArm] = field(default_factory=list)
    """Test answers of the champion's configuration, trained with further seeds; of a verdict on the recipe."""
    forgetting: dict[str, tuple[Artifact, Artifact]] = field(default_factory=dict)
    """Benchmark to (base, tuned)."""
    judgement: Artifact | None = None
    power: list[GatePower] = field(default_factory=list)
    """What each gate can prove, once the prompts are scored on validation."""
    refusal: UserError | None = None
    """Why the search is not begun; nothing is then missing."""

    @property
    def done(self) -> bool:
        """Whether the goal is reached."""
        return not self.missing
