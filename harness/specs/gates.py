"""What a candidate must prove: the gates of an experiment."""

from math import ceil, log
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from harness.specs.base import Positive, Spec, misfit

Ratio = Annotated[float, Field(gt=0, lt=1)]
Loss = Annotated[float, Field(ge=1e-6, lt=1)]
"""A loss below a millionth is none; to rule it out takes more items than anybody counts."""
COIN = 0.5
"""The level at which a verdict is worth no more than a coin's."""
ROUNDING = 1e-9
"""What the logarithms of a whole number of requests may be off."""


class MetricGate(Spec):
    """A gate on one metric."""

    floor: float | None = Field(default=None, gt=0, lt=1, examples=[0.5])
    """The tuned model must prove that it scores above this."""
    margin: float | None = Field(default=None, ge=0, lt=1, examples=[0.02])
    """It must beat every prompt champion by more than this; null: no improvement gate on this metric."""

    @model_validator(mode="after")
    def _asks_something(self) -> "MetricGate":
        if self.floor is None and self.margin is None:
            raise misfit("asks for nothing; needs a floor, a margin, or both", fix="{floor: 0.5}")
        return self


class BenchmarkGate(Spec):
    """What the model must not lose."""

    benchmark: str = Field(examples=["piqa"])
    """A file `tasks/forgetting/NAME.yaml`, or the name of any lm-eval task."""
    margin: Loss = 0.03
    """Largest loss of accuracy that is acceptable."""
    limit: int | None = Field(default=None, ge=1, examples=[500])
    """Items at most, from the half that only the gate sees; null: all of them."""


class SliceGate(Spec):
    """A part of the test set that must not get worse."""

    column: str = Field(examples=["COLUMN"])
    """A column of the data; each of its values is a slice of the test items."""
    gate: bool = False
    """true: a regression on one of its slices vetoes FINE_TUNE (proven) or withholds it (its own p); false: is told."""


class LatencyGate(Spec):
    """How long an answer may take, one request at a time, on the machine that runs the experiment."""

    seconds: Positive = Field(examples=[0.5])
    """The time within which an answer must be there."""
    share: Ratio = 0.95
    """More than this share of the requests must be answered in time."""
    requests: int = Field(default=100, ge=1)
    """Validation prompts to time, repeated from the start where there are fewer."""


class CostGate(Spec):
    """What an answer may cost, by its tokens."""

    usd: Positive = Field(examples=[0.001])
    """What an answer may cost at most, in dollars."""
    share: Ratio = 0.95
    """More than this share of the test items must be answered at that price."""
    usd_per_million_in: float = Field(ge=0, examples=[0.15])
    """Price of a million prompt tokens."""
    usd_per_million_out: float = Field(ge=0, examples=[0.6])
    """Price of a million generated tokens."""


class FormatGate(Spec):
    """The share of tuned answers that parse; give exactly one of the three ways to parse."""

    share: Ratio = 0.95
    """More than this share of the answers must parse."""
    regex: str | None = None
    """A Python regular expression the whole answer must match."""
    json_schema: dict[str, Any] | None = None
    """A JSON Schema the answer, read as JSON, must satisfy."""
    labels: bool = False
    """true: the answer must give one of the labels of the task, as scoring reads it."""

    @model_validator(mode="after")
    def _one_way(self) -> "FormatGate":
        if (self.regex is not None) + (self.json_schema is not None) + self.labels != 1:
            raise misfit("needs exactly one of regex, json_schema and labels", fix='{regex: "[A-Z].*"}')
        return self

    @field_validator("regex")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            import regex

            try:
                regex.compile(pattern)
            except regex.error as error:
                raise misfit(f"is no regular expression ({error})", fix='"[A-Z].*"') from None
        return pattern

    @field_validator("json_schema")
    @classmethod
    def _is_schema(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None:
            from harness.specs.json_schemas import flaw_of

            if flaw := flaw_of(schema):
                raise misfit(flaw.what, fix=flaw.fix)
        return schema


class ShipGate(Spec):
    """The forms the tuned model will be served in; each is scored on the same test items as the adapter."""

    forms: list[Literal["merged", "merged_nf4"]] = Field(min_length=1)
    """`merged`: the adapter folded into the weights; `merged_nf4`: that, quantised to 4 bits."""
    margin: Loss = 0.03
    """Largest loss against the adapter that is acceptable; a form that may lose more is blocked."""


class GatesSpec(Spec):
    """What a candidate must prove on the locked test set."""

    alpha: float = Field(default=0.05, ge=1e-6, lt=1)
    """How often FINE_TUNE may be wrong; below a millionth no resampling test could prove anything."""
    margin: float | None = Field(default=None, ge=0, lt=1, examples=[0.02])
    """Improvement over every prompt champion on the deciding metric; null: .02, or .01 for ROUGE and token-F1."""
    metrics: dict[str, MetricGate] = Field(default_factory=dict, examples=[{"exact_match": {"floor": 0.2}}])
    """Further gates by metric, for example `exact_match: {floor: 0.2}`."""
    rouge: MetricGate | None = None
    """The ROUGE-L gate: a floor, an improvement, or both."""
    forgetting: list[BenchmarkGate] = Field(default_factory=list)
    """Benchmarks, each paired with the base model."""
    slices: list[SliceGate] = Field(default_factory=list)
    """Columns of the data whose values must not get worse than with any prompt champion."""
    latency: LatencyGate | None = None
    """A ceiling on the time of an answer."""
    cost: CostGate | None = None
    """A ceiling on the price of an answer."""
    format: FormatGate | None = Field(default=None, examples=[{"regex": "[A-Z].*"}])
    """The share of answers that must parse."""
    ships: ShipGate | None = None
    """Forms of the tuned model to compare with the adapter, before one of them is served."""
    scope: Literal["artifact", "recipe"] = "artifact"
    """What the verdict is about: `artifact`, the adapter that was chosen; `recipe`, its configuration, which is trained
    anew with further seeds whose variation counts.
    """
    seeds: int = Field(default=3, ge=3, examples=[3])
    """Of `scope: recipe`: further seeds that the champion is trained with; its own was selected and is left out."""
    planned_looks: int = Field(default=1, ge=1, le=100)
    """Verdicts planned on these test items; declared before the first one, each spends a share of alpha.

    At most 100: the share that a hundredth look gets is far below what any test can show.
    """
    allow_underpowered: bool = False
    """Search even where no plausible gain could be proven on this few test items."""

    @field_validator("alpha")
    @classmethod
    def _better_than_a_coin(cls, alpha: float) -> float:
        if alpha > COIN:
            raise misfit(f"is {alpha:g}, more often wrong than a coin; needs at most {COIN:g}", fix="0.05")
        return alpha

    @model_validator(mode="after")
    def _seeds_of_a_recipe(self) -> "GatesSpec":
        if self.scope != "recipe" and self.seeds != type(self).model_fields["seeds"].default:
            what = "is artifact, the one adapter that was chosen; seeds are those of a recipe"
            raise misfit(what, fix="recipe", fields=("scope", "seeds"))
        return self

    @model_validator(mode="after")
    def _enough_requests(self) -> "GatesSpec":
        """With all in time the exact test's p is share ** requests; of the looks, the first one is the most lenient."""
        latency, looks = self.latency, self.planned_looks
        needed = ceil(log(self.alpha / looks) / log(latency.share) - ROUNDING) if latency else 0
        if latency is not None and latency.requests < needed:
            level = f"alpha {self.alpha:g}" + (f" over {looks} planned looks" if looks > 1 else "")
            proof = f"if all are in time, that still proves no share above {latency.share:g} at {level}"
            raise misfit(
                f"is {latency.requests}; {proof}; needs at least {needed}",
                fix=str(needed),
                fields=("latency.requests", "latency.share", "alpha", "planned_looks"),
            )
        return self
