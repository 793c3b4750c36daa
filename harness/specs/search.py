"""How the tuning arm searches: the method, its space, its sampler and what every trial shares."""

from math import gcd
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from harness.specs.base import Positive, Spec, misfit


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = ends
    if low > high:
        raise misfit(f"runs from {low} down to {high}; needs the lower end first", fix=f"[{high}, {low}]")
    return ends


GRID_POINTS = 4
"""Values that a grid takes from a range, both ends included."""
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
# strict=False: YAML and JSON have lists where Python has tuples.
PositiveRange = Annotated[tuple[Positive, Positive], Field(strict=False), AfterValidator(_ascending)]
ShareRange = Annotated[tuple[Share, Share], Field(strict=False), AfterValidator(_ascending)]


class SpaceSpec(Spec):
    """The search space; a list is a choice, two numbers in `learning_rate`/`dropout` are a range."""

    rank: list[Count] = Field(default=[8, 16, 32, 64], min_length=1)
    """LoRA ranks to choose from."""
    learning_rate: PositiveRange = (1e-5, 2e-3)
    """Lowest and highest learning rate, searched on a log scale."""
    epochs: list[Count] = Field(default=[1, 2, 3, 4, 5], min_length=1)
    """Epochs to choose from."""
    alpha_over_rank: list[Positive] = Field(default=[2.0], min_length=1)
    """LoRA alpha as a multiple of the rank."""
    dropout: ShareRange = (0.0, 0.1)
    """Lowest and highest LoRA dropout."""
    target_modules: list[str] = Field(default=["all-linear"], min_length=1)
    """Modules to adapt: `all-linear`, or names joined by `+` such as `q_proj+v_proj`."""

    @property
    def grid_size(self) -> int:
        """Combinations in a grid, with `GRID_POINTS` values of each range."""
        choices = len(self.rank) * len(self.epochs) * len(self.alpha_over_rank) * len(self.target_modules)
        spread = sum(low < high for low, high in (self.learning_rate, self.dropout))
        return int(choices * GRID_POINTS**spread)


class SearchSpec(Spec):
    """How the tuning arm looks for its best adapter."""

    method: Literal["lora", "qlora"] = "lora"
    """`qlora` trains the adapter over a 4-bit (NF4) base."""
    trials: int = Field(default=10, ge=1)
    """Configurations to try."""
    space: SpaceSpec = SpaceSpec()
    """What to vary."""
    sampler: Literal["tpe", "random", "grid", "gp", "cmaes"] = "tpe"
    """Optuna's: `tpe`, `gp` (Gaussian process) and `cmaes` learn from earlier trials; `grid` takes each combination
    once, four values of a range.
    """
    pruner: Literal["median", "patient", "hyperband", "wilcoxon", "none"] = "median"
    """Stop a trial between epochs. `median`: below the median of earlier trials at that epoch; `patient`: that, and no
    gain in its last epoch; `hyperband`: outside the best third; `wilcoxon`: worse than the best trial, item by item.
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

    @property
    def most_trials(self) -> int:
        """Configurations that are tried; a grid may have fewer than `trials`."""
        return min(self.trials, self.space.grid_size) if self.sampler == "grid" else self.trials

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
