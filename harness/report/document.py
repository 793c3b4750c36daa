"""The document of one experiment: everything a person needs to decide, derived from artifacts."""

from typing import Any, Literal

from pydantic import Field

from harness.records import Record, Trial, Verdict
from harness.report.data_rows import DataSummary, ShownExample
from harness.report.estimate_rows import EstimateRow
from harness.report.prompt_rows import ShownPrompt
from harness.report.search_rows import SearchView
from harness.report.trade_rows import TradeOff
from harness.report.trial_rows import TriedTrial


class Arm(Record):
    """One row of the leaderboard: a configuration that was scored."""

    arm: str
    """`family/variant`, or `tuned/trial-N`."""
    family: str
    """Prompt family, or `tuned`."""
    kind: Literal["trivial", "prompt", "tuned"]
    """What it costs: nothing, tokens, or training."""
    description: str
    """How it asks, or what was trained."""
    champion: bool
    """Chosen on validation to stand for its family on the test set."""
    validation: dict[str, float]
    """Mean metrics on validation."""
    test: dict[str, float] | None = None
    """Mean metrics on test; null for all but champions."""
    low: float | None = None
    """Lower end of the 95 % interval of the deciding metric on test."""
    high: float | None = None
    """Upper end of it."""
    tokens_in: float = 0
    """Mean prompt tokens an answer."""
    tokens_out: float = 0
    """Mean generated tokens an answer."""
    unfinished: int = 0
    """Test answers (validation answers where there is no test) that hit max_new_tokens."""
    invalid: int = 0
    """Answers outside the label set, or that did not fit the context; each counts as wrong."""
    truncated: list[str] = Field(default_factory=list)
    """Ids of the validation items that were not asked: prompt and answer did not fit the context."""
    truncated_test: list[str] = Field(default_factory=list)
    """The same of test items; empty for all but champions."""


class Effort(Record):
    """What one side, or one family of prompts, spent on selection.

    The tokens of an answer from the cache, or of an artifact that was there before, count as if it had been computed
    now: effort is what the choice costs whoever repeats it. Seconds are under the report's `timing`, and there an
    answer from the cache took none.
    """

    side: Literal["prompting", "tuning"]
    """Which arm."""
    family: str | None = None
    """The family of prompts; null: the whole side, where an answer that two families share counts once."""
    configurations: int
    """Configurations tried."""
    tokens_in: int
    """Prompt tokens read."""
    tokens_out: int
    """Tokens generated."""
    tokens_trained: int
    """Tokens trained on, epochs counted."""
    dollars: float | None = None
    """What models behind an API charged; null where none was asked."""


class Forgetting(Record):
    """One benchmark, base against tuned."""

    benchmark: str
    """Its name."""
    n: int
    """Items, from the half that only the gate sees."""
    base: float
    """Accuracy of the base model."""
    tuned: float
    """Accuracy of the tuned model."""
    margin: float
    """Largest acceptable loss."""


class GateCondition(Record):
    """One thing that had to be proven."""

    gate: Literal["improvement", "metric", "rouge", "format", "cost", "latency", "forgetting"]
    """The gate it belongs to."""
    metric: str
    """The metric, or `acc` for a benchmark."""
    name: str
    """`beats:FAMILY`, `keeps:BENCHMARK`, `floor`, or the gate's own name for format, cost and latency."""
    outcome: Literal["pass", "fail", "unresolved"]
    """Proven, disproven, or neither."""
    effect: float
    """Tuned minus the other."""
    margin: float
    """What the effect had to exceed."""
    low: float
    """Lower end of a descriptive 90 % interval of the effect."""
    high: float
    """Upper end of it."""
    n: int
    """Items."""
    p_pass: float
    """One-sided p-value of the claim that the condition fails."""
    p_fail: float
    """One-sided p-value of the claim that it holds."""
    n_needed: int | None = None
    """Items that would settle it at 80 % power; null where more are not expected to help, or none are needed."""
    se_items: float = 0.0
    """Standard error of the effect over items, or over their sources."""
    se_seeds: float | None = None
    """Standard error over training seeds; null where only one was trained."""
    sentence: str
    """The same in words."""


class SliceRow(Record):
    """One part of the test set against one prompt champion."""

    slice: str
    """`column=value`."""
    against: str
    """The prompt family."""
    n: int
    """Test items in the slice."""
    effect: float
    """Tuned minus prompt on these items."""
    low: float
    """Lower end of a descriptive 90 % interval of the effect."""
    high: float
    """Upper end of it."""
    p: float | None = None
    """One-sided p-value of "no regression" on its own: a gated slice withholds FINE_TUNE by it."""
    p_holm: float
    """The same, corrected by Holm over all slices and families."""
    regressed: bool
    """A regression is proven."""
    gate: bool
    """Whether a proven regression vetoes, and one that `p` alone shows withholds."""
    withholds: bool = False
    """Gated, and worse before any correction: no FINE_TUNE, proven or not."""
    judged: bool = True
    """Whether it could be tested at all."""
    sentence: str
    """The same in words."""


class FormRow(Record):
    """One form of the tuned model against the adapter, on the same test items."""

    form: str
    """`merged` or `merged_nf4`."""
    effect: float
    """The form's score minus the adapter's."""
    margin: float
    """A loss as large as this had to be ruled out."""
    low: float
    """Lower end of a descriptive 90 % interval of the effect."""
    high: float
    """Upper end of it."""
    n: int
    """Test items."""
    p_pass: float
    """Small when a loss beyond the margin is ruled out."""
    outcome: Literal["pass", "fail", "unresolved"]
    """Whether it keeps within the margin."""
    blocked: bool
    """Whether it must not be served: its loss is not ruled out."""
    changed: float
    """Share of test items on which its score differs."""
    sentence: str
    """The same in words."""


class LeakedCheck(Record):
    """What the verdict would be with the test items that training or selection has seen."""

    removed: int
    """Items left out of the certified set."""
    verdict_with: Verdict
    """The verdict on all items."""
    conditions_with: list[GateCondition]
    """The conditions on all items."""


class Report(Record):
    """Everything a person needs to decide; renderers only format it."""

    schema_version: int = 2
    """Of this document."""
    experiment: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    """Its name; it names a folder."""
    verdict: Verdict
    """The decision."""
    looks_left: int = 0
    """Planned verdicts on these test items that are still to come; until the last, no test score is shown."""
    headline: str
    """The decision in one sentence."""
    reasons: list[str]
    """Why, one sentence each."""
    task: str
    """Task name."""
    task_description: str
    """In one sentence."""
    model: str
    """Base model as the spec names it."""
    model_fingerprint: str
    """SHA-256 over its files, or the hub commit."""
    method: str
    """lora or qlora."""
    metric: str
    """The deciding metric."""
    alpha: float
    """How often FINE_TUNE may be wrong."""
    champion: str | None
    """The tuned arm that was judged; null when every trial failed."""
    best_prompt: str
    """The strongest prompt or trivial champion on test."""
    conditions: list[GateCondition]
    """What had to be proven."""
    leaderboard: list[Arm]
    """Every configuration, best test score first, then best validation score."""
    prompts: list[ShownPrompt] = Field(default_factory=list)
    """What the champions ask, whole, the strongest first; those that ask no model are left out."""
    trials: list[Trial]
    """The search."""
    tried: list[TriedTrial] = Field(default_factory=list)
    """What was tried and why it lost: a row a trial."""
    objectives: list[str] = Field(default=["metric"])
    """What the search looked for; the first one decides."""
    rule: str = ""
    """How the champion was found among the trials."""
    trade_offs: list[TradeOff] = Field(default_factory=list)
    """What the trials gained, forgot and cost; empty where nothing was probed and there is one objective."""
    searches: list[SearchView] = Field(default_factory=list)
    """What each parameter did to the validation score, of the search for an adapter and of those for prompts."""
    effort: list[Effort]
    """What each side spent."""
    effort_by_family: list[Effort] = Field(default_factory=list)
    """What each family of prompts spent."""
    effort_notes: list[str] = Field(default_factory=list)
    """What a reader should know of these numbers."""
    estimates: list[EstimateRow] = Field(default_factory=list)
    """What was expected of each kind of work, and what it came to."""
    forgetting: list[Forgetting]
    """What the model kept."""
    slices: list[SliceRow] = Field(default_factory=list)
    """Parts of the test set."""
    ships: list[FormRow] = Field(default_factory=list)
    """Forms the tuned model may be served in."""
    leaked: LeakedCheck | None = None
    """Null where no test item was seen before."""
    power: list[str] = Field(default_factory=list)
    """What this test set could show, a sentence a gate."""
    uncertainty: list[str] = Field(default_factory=list)
    """Item, seed and decoding variance, each where it was measured."""
    data: DataSummary
    """What it was measured on."""
    examples: list[ShownExample]
    """Test items, largest differences first."""
    warnings: list[str]
    """What a reader should know before deciding."""
    spec: dict[str, Any]
    """The experiment as it was run, defaults filled in."""
    provenance: dict[str, Any] = Field(default_factory=dict)
    """Versions, machine, artifact keys: all that depends on the machine."""
    timing: dict[str, Any] = Field(default_factory=dict)
    """Seconds by stage: all that depends on the clock."""
