"""How the tuning arm searches: the method, its space, its sampler and what every trial shares."""

from math import gcd, prod
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from harness.methods import METHODS, MethodName
from harness.specs.base import Positive, Spec, misfit
from harness.specs.further import MixSpec, PreferencesSpec, ReplaySpec, TextSpec
from harness.specs.objectives import ForgetsSpec, Objective, checked_objectives
from harness.specs.storage import EXAMPLE, StorageUrl


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = ends
    if low > high:
        raise misfit(f"runs from {low} down to {high}; needs the lower end first", fix=f"[{high}, {low}]")
    return ends


Tracker = Literal["tensorboard", "wandb", "mlflow", "trackio"]
GRID_POINTS = 4
"""Values that a grid takes from a range, both ends included."""
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
# strict=False: YAML and JSON have lists where Python has tuples.
PositiveRange = Annotated[tuple[Positive, Positive], Field(strict=False), AfterValidator(_ascending)]
ShareRange = Annotated[tuple[Share, Share], Field(strict=False), AfterValidator(_ascending)]


class SpaceSpec(Spec):
    """The search space; a list is a choice, two numbers in `learning_rate`/`dropout` are a range.

    A method varies the fields that it has: a rank means nothing to `ia3`.
    """

    rank: list[Count] = Field(default=[8, 16, 32, 64], min_length=1)
    """LoRA ranks to choose from; of `lora`, `qlora`, `dora` and `rslora`, as alpha, dropout and modules are."""
    learning_rate: PositiveRange | None = Field(default=None, examples=[(1e-5, 2e-3)])
    """Lowest and highest learning rate, searched on a log scale; null: what suits the method. That is 1e-5 to 2e-3 for
    `lora`, `qlora` and `dora`, 5e-6 to 5e-4 for `rslora`, 2e-6 to 2e-4 for `full`, 1e-4 to 3e-2 for `prefix` and
    `prompt`, 5e-4 to 3e-2 for `ia3`.
    """
    epochs: list[Count] = Field(default=[1, 2, 3, 4, 5], min_length=1)
    """Epochs to choose from."""
    alpha_over_rank: list[Positive] = Field(default=[2.0], min_length=1)
    """LoRA alpha as a multiple of the rank."""
    dropout: ShareRange = (0.0, 0.1)
    """Lowest and highest LoRA dropout."""
    target_modules: list[str] = Field(default=["all-linear"], min_length=1)
    """Modules to adapt: `all-linear`, or names joined by `+` such as `q_proj+v_proj`."""
    virtual_tokens: list[Count] = Field(default=[8, 16, 32], min_length=1)
    """Learnt tokens before every prompt; of `prefix` and `prompt`."""


class SearchSpec(Spec):
    """How the tuning arm looks for its best adapter."""

    method: MethodName = "lora"
    """What is trained. `lora`: two thin matrices a module; `qlora`: the same over a 4-bit (NF4) base; `dora`: with a
    learnt length of each column; `rslora`: scaled for high ranks; `full`: all weights; `prefix`: keys and values before
    every prompt; `prompt`: embeddings there; `ia3`: scales of keys, values and activations.
    """
    trials: int = Field(default=10, ge=1)
    """Configurations to try."""
    space: SpaceSpec = SpaceSpec()
    """What to vary."""
    objectives: list[Objective] = Field(default=["metric"], min_length=1)
    """`metric`, which decides; beside it `forgetting` (what the probe finds on general text) and `cost` (tokens trained
    on): the sampler then looks for trade-offs, the report shows the Pareto front, and ties go to the other objectives.
    """
    tied: float = Field(default=0.0, ge=0, lt=1, examples=[0.01])
    """Of several objectives: metrics that differ by no more than this are tied, and the other objectives decide."""
    forgets: ForgetsSpec = ForgetsSpec()
    """What a trial may forget before it is stopped."""
    sampler: Literal["tpe", "random", "grid", "gp", "cmaes", "nsga2"] = "tpe"
    """Optuna's: `tpe`, `gp` (Gaussian process), `cmaes` and `nsga2` (a genetic algorithm for several objectives) learn
    from earlier trials; `grid` takes each combination once, four values of a range.
    """
    pruner: Literal["median", "patient", "hyperband", "wilcoxon", "none"] = "median"
    """Stop a trial between epochs. `median`: below the median of earlier trials at that epoch; `patient`: that, and no
    gain in its last epoch; `hyperband`: outside the best third; `wilcoxon`: worse than the best trial, item by item.
    """
    early_stopping: int | None = Field(default=None, ge=1, examples=[2])
    """End a trial after so many epochs in a row without a better validation score; its best epoch is kept. It looks
    at the trial alone, where the pruner compares trials. Where preferences follow, it ends the epochs on the task, and
    the trial goes on to them. null: all epochs that were sampled.
    """
    seed: int = Field(default=0, ge=0)
    """Seed of sampler, data order and initialisation."""
    budget_minutes: float | None = Field(default=None, gt=0, examples=[60.0])
    """Start no new trial past this many training minutes; null: no limit."""
    batch_size: int = Field(default=8, ge=1)
    """Examples per optimiser step."""
    micro_batch_size: int = Field(default=4, ge=1)
    """Examples per forward pass; where they do not fit the memory, half as many are taken, down to one."""
    max_length: int = Field(default=1024, ge=16)
    """Longest training example in tokens; longer ones are cut and counted."""
    warmup_ratio: float = Field(default=0.03, ge=0, lt=1)
    """Share of the steps that warm the learning rate up; cosine decay follows."""
    weight_decay: float = Field(default=0.01, ge=0)
    """AdamW weight decay."""
    storage: StorageUrl | None = Field(default=None, examples=[EXAMPLE])
    """Database that the Optuna study is written to while the search goes on, such as `sqlite:///studies.db` or
    `postgresql://USER@HOST/NAME`; null: the file `.harness/studies/NAME.journal`. The password is read from the
    environment variable HARNESS_STORAGE_PASSWORD.
    """
    report_to: list[Tracker] = Field(default_factory=list, examples=[["tensorboard"]])
    """Trackers that are told of each step and each epoch's validation scores. They change no result; each is an
    optional extra.
    """
    text: TextSpec | None = None
    """Plain text to learn before the task; null: none."""
    mix: MixSpec | None = None
    """Other tasks to learn beside this one; null: none."""
    replay: ReplaySpec | None = None
    """General examples against forgetting, `{}` for those that ship; null: none."""
    preferences: PreferencesSpec | None = None
    """Pairs of answers to learn from by DPO, with lora, qlora, dora or rslora; null: none."""

    @property
    def most_epochs(self) -> int:
        """Scored epochs of the longest trial."""
        behind = self.preferences is not None and self.preferences.after == "sft"
        return max(self.space.epochs) + (self.preferences.epochs if self.preferences and behind else 0)

    @property
    def varied(self) -> dict[str, Any]:
        """What a trial of the method chooses: field to a list of choices, or to the two ends of a range."""
        method = METHODS[self.method]
        found = {name: getattr(self.space, name) for name in method.varies}
        further: dict[str, Any] = {"beta": self.preferences.beta} if self.preferences else {}
        return {**found, "learning_rate": self.space.learning_rate or method.learning_rate, **further}

    @property
    def grid_size(self) -> int:
        """Combinations in a grid, with `GRID_POINTS` values of each range."""
        return prod(_points(values) for values in self.varied.values())

    @property
    def most_trials(self) -> int:
        """Configurations that are tried; a grid may have fewer than `trials`."""
        return min(self.trials, self.grid_size) if self.sampler == "grid" else self.trials

    @property
    def probes(self) -> bool:
        """Whether anything asks what a trial forgets."""
        limited = self.forgets.cross_entropy is not None or self.forgets.accuracy is not None
        return limited or "forgetting" in self.objectives

    @model_validator(mode="after")
    def _objectives_agree(self) -> "SearchSpec":
        """What is as it is by default was perhaps not written, and is of no weight."""
        fields = type(self).model_fields
        checked_objectives(
            self.objectives,
            sampler=self.sampler,
            pruner=None if self.pruner == fields["pruner"].default else self.pruner,
            tied=None if self.tied == fields["tied"].default else self.tied,
        )
        return self

    @model_validator(mode="after")
    def _divisible(self) -> "SearchSpec":
        batch, micro = self.batch_size, self.micro_batch_size
        if batch % min(micro, batch):
            raise misfit(
                f"is {micro}; needs a divisor of batch_size, {batch}",
                fix=str(gcd(batch, micro)),
                fields=("micro_batch_size", "batch_size"),
            )
        return self


def _points(values: list[Any] | tuple[float, float]) -> int:
    """How many values of a field a grid takes."""
    if isinstance(values, list):
        return len(values)
    low, high = values
    return GRID_POINTS if low < high else 1
