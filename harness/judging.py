"""Turn untyped fields into a checked `JudgeRequest`; hold the `Judgement` it leads to.

Light on purpose: no numpy or scipy here, so the command line reads and refuses bad input at once.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from harness.judge_content import (
    Arm,
    Metric,
    Problem,
    arm_problems,
    index_problems,
    label_key,
    length_problem,
    named,
    quoted,
)

Verdict = Literal["FINE_TUNE", "PROMPT", "INCONCLUSIVE"]
Outcome = Literal["pass", "fail", "unresolved"]

DEFAULT_MARGIN: dict[Metric, float] = {"binary": 0.02, "graded": 0.01, "macro_f1": 0.02}
"""The gain a fine-tune must exceed. Above 0 because validation picks slightly inferior prompt champions."""


MOST_USES = 1_000_000
"""Uses beyond any planned number are all the same, and a sentence should hold no number of thousands of digits."""


def _countable(uses: int) -> int:
    return min(uses, MOST_USES)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Forgetting(_Model):
    """Scores of one benchmark of general ability, after and before fine-tuning."""

    ft: Arm
    """0 or 1 per item for the fine-tuned model; null counts as wrong."""
    base: Arm
    """0 or 1 per item for the model before fine-tuning, same items in the same order."""
    margin: float = Field(default=0.03, ge=0, lt=1, allow_inf_nan=False)
    """The loss that is still acceptable."""
    clusters: list[int | str] | None = None
    """Source of each item, where items share one."""


class Slice(_Model):
    """A part of the test items that must not get worse."""

    items: list[int]
    """Indices of its test items, from 0."""
    gate: bool = False
    """Whether a regression on it vetoes FINE_TUNE (proven) or withholds it (its own p); false: only reported."""


class JudgeRequest(_Model):
    """Per-item scores of a fine-tuned model and of the prompts it must beat."""

    alpha: float = Field(default=0.05, ge=1e-6, lt=1, allow_inf_nan=False)
    """Accepted chance of saying FINE_TUNE wrongly; below a millionth no resampling test could prove anything."""
    margin: float | None = Field(default=None, ge=0, lt=1, allow_inf_nan=False)
    """The gain a fine-tune must exceed; null takes .02, or .01 for graded scores."""
    metric: Metric
    """`binary` (0 or 1), `graded` (scores in [0, 1]) or `macro_f1` (labels)."""
    scope: Literal["artifact", "recipe"] = "artifact"
    """Whether the claim is about this adapter, or about the recipe over training seeds."""
    chosen_seed: int = Field(default=0, ge=0)
    """Index into `ft` of the adapter an `artifact` claim is about, as chosen on validation."""
    planned_looks: int = Field(default=1, ge=1, le=100)
    """Verdicts on these test items that were declared beforehand.

    At most 100: the share of alpha that a hundredth look gets is far below what any test can show.
    """
    prior_uses_of_test_set: Annotated[int, Field(ge=0), AfterValidator(_countable)] = 0
    """How often these test items were already used for a verdict; more than a million times count as a million."""
    ft: list[Arm]
    """One list per training seed: a score, or for macro_f1 a label, per item; null is no usable output."""
    baselines: dict[str, Arm]
    """Prompt family to its champion's score or label per item."""
    y: list[str | int | bool] | None = None
    """True label per item, for macro_f1."""
    clusters: list[int | str] | None = None
    """Source of each item, where items share one."""
    forgetting: dict[str, Forgetting] = {}
    """Benchmark name to its scores; each must not drop by its margin or more."""
    floor: float | None = Field(default=None, gt=0, lt=1, allow_inf_nan=False)
    """The metric must exceed this as well; null: no floor."""
    slices: dict[str, Slice] = {}
    """Name to a part of the test items; each is tested for a proven regression against every prompt family."""

    @property
    def delta(self) -> float:
        """The margin, or the metric's default."""
        return DEFAULT_MARGIN[self.metric] if self.margin is None else self.margin

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        for problem in _problems(self):
            # Braces in a user's own text must not be read as a template.
            raise PydanticCustomError("content", "{field}: {what}. Fix: {fix}", problem._asdict())
        return self


class Condition(_Model):
    """One thing that must hold before fine-tuning is recommended."""

    cond: str
    """`beats:NAME`, `keeps:BENCHMARK` or `floor`."""
    effect: float
    """Fine-tuned score minus the other's; for `floor` the fine-tuned score."""
    margin: float
    """The effect must exceed this."""
    n: int
    """Test items."""
    p_pass: float
    """Small when the condition holds: one-sided p of H0 `effect <= margin`."""
    p_fail: float
    """Small when the condition is broken: one-sided p of H0 `effect >= margin`."""
    outcome: Outcome
    """`pass` or `fail` when proven, else `unresolved`."""
    low: float
    """Lower end of a two-sided 90 % interval of the effect; description only."""
    high: float
    """Upper end of that interval."""
    se_items: float
    """Standard error of the effect over test items, or over their clusters, with the training seeds as they are."""
    se_seeds: float | None
    """Standard error over training seeds; null with one seed: not measured. A test reads it in scope recipe only."""
    n_needed: int | None
    """Items that would prove an unresolved effect of this size with 80 % power; null: more would not help."""
    test: str
    """Name of the test used."""
    reason: str
    """The finding in one sentence."""
    warnings: list[str] = []
    """What weakens this condition."""


class SliceFinding(_Model):
    """Whether fine-tuning makes one slice worse than one prompt family does."""

    slice: str
    """Name of the slice."""
    against: str
    """The prompt family."""
    n: int
    """Test items of the slice."""
    effect: float
    """Fine-tuned score minus the prompt's, on the slice."""
    low: float
    """Lower end of a two-sided 90 % interval of the effect; description only."""
    high: float
    """Upper end of that interval."""
    p: float
    """Small when fine-tuning is worse: one-sided p of H0 `effect >= 0`, uncorrected."""
    p_holm: float
    """The same after Holm's correction for all slices and families."""
    regressed: bool
    """Whether a regression is proven: `p_holm` is at most the level of this look."""
    gate: bool
    """Whether a regression vetoes FINE_TUNE where it is proven, and withholds it where `p` alone shows it."""
    withholds: bool
    """Gated, and `p` itself is at most the level of this look: FINE_TUNE is withheld, proven or not."""
    test: str
    """Name of the test used; `refused` when none could be."""
    reason: str
    """The finding in one sentence."""


class Judgement(_Model):
    """The verdict and what it rests on."""

    verdict: Verdict
    """`FINE_TUNE`, `PROMPT` or `INCONCLUSIVE`; the last means: keep prompting for now."""
    reasons: list[str]
    """Why, most important first; the plain word `test_set_spent` leads when the items were used up before."""
    conditions: list[Condition]
    """Every condition, in the order tested."""
    alpha: float
    """Level each condition was tested at: alpha, or this look's share of it."""
    slices: list[SliceFinding] = []
    """Every slice against every prompt family, in the order of the request."""


def _problems(request: JudgeRequest) -> Iterator[Problem]:
    """What the field types cannot say, in the order of the fields."""
    if not request.ft or not request.ft[0]:
        yield Problem("ft", "it holds no items", "give one list per training seed with a score per test item")
    if not request.baselines and request.floor is None and not request.forgetting:
        yield Problem("baselines", "there is nothing to beat", "give at least one prompt family's scores")
    if request.chosen_seed >= len(request.ft):
        fix = f"take an index from 0 to {len(request.ft) - 1}"
        yield Problem("chosen_seed", f"{quoted(request.chosen_seed)} is not an index into ft", fix)
    n = len(request.ft[0])
    yield from _truth_problems(request, n=n)
    known = None if request.metric != "macro_f1" else {label_key(label) for label in request.y or []}
    arms = [(f"ft[{i}]", arm) for i, arm in enumerate(request.ft)]
    arms += [(f"baselines.{named(name)}", arm) for name, arm in request.baselines.items()]
    for field, arm in arms:
        yield from arm_problems(field, arm, n=n, metric=request.metric, known=known)
    yield from length_problem("clusters", request.clusters, n=n)
    for name, bench in request.forgetting.items():
        yield from _forgetting_problems(f"forgetting.{named(name)}", bench)
    yield from _slice_problems(request, n=n)


def _truth_problems(request: JudgeRequest, *, n: int) -> Iterator[Problem]:
    if request.metric == "macro_f1" and request.y is None:
        yield Problem("y", "metric macro_f1 needs the true labels", "add y with one label per item")
    yield from length_problem("y", request.y, n=n)


def _forgetting_problems(field: str, bench: Forgetting) -> Iterator[Problem]:
    if not bench.ft:
        yield Problem(f"{field}.ft", "it holds no items", "give a 0 or 1 per item, or leave the benchmark out")
    for name, arm in (("ft", bench.ft), ("base", bench.base)):
        yield from arm_problems(f"{field}.{name}", arm, n=len(bench.ft), metric="binary", known=None)
    yield from length_problem(f"{field}.clusters", bench.clusters, n=len(bench.ft))


def _slice_problems(request: JudgeRequest, *, n: int) -> Iterator[Problem]:
    if request.slices and not request.baselines:
        yield Problem("slices", "there is no prompt family to compare with", "give baselines, or leave slices out")
    for name, part in request.slices.items():
        yield from index_problems(f"slices.{named(name)}.items", part.items, n=n)
