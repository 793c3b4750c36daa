"""What a search for an adapter looks for beside the metric, and what a trial may forget."""

from typing import Annotated, Literal

from pydantic import Field

from harness.specs.base import Positive, Spec, misfit

Objective = Literal["metric", "forgetting", "cost"]
ONE_OBJECTIVE = ("cmaes",)
"""Samplers that know one objective."""


class ForgetsSpec(Spec):
    """What a trial may forget: it is probed after every epoch, and stopped where it has lost more than this."""

    cross_entropy: Positive | None = Field(default=0.5, examples=[0.5])
    """Largest rise of the cross-entropy on general text against the base model, nats a token; null: no limit."""
    accuracy: Annotated[float, Field(gt=0, lt=1)] | None = Field(default=0.25, examples=[0.25])
    """Largest loss of accuracy on a slice of a gated benchmark, from the half that the gate never sees; null: no limit.
    """
    items: int = Field(default=24, ge=0)
    """Items in such a slice, the same in every probe; 0: general text alone."""


def checked_objectives(objectives: list[Objective], *, sampler: str, pruner: str | None, tied: float | None) -> None:
    """Raises a misfit where they do not go together; `pruner` and `tied` are None where they are as by default."""
    if objectives[0] != "metric":
        rest = ", ".join(name for name in dict.fromkeys(objectives) if name != "metric")
        fix = f"[metric, {rest}]"
        raise misfit(f"begins with {objectives[0]}; needs metric first, which decides", fix=fix, fields=("objectives",))
    if twice := next((name for name in objectives if objectives.count(name) > 1), None):
        fix = f"[{', '.join(dict.fromkeys(objectives))}]"
        raise misfit(f"names {twice} twice", fix=fix, fields=("objectives",))
    if len(objectives) == 1:
        if tied is not None:
            what = "names metric alone; tied is about several"
            raise misfit(what, fix="[metric, forgetting]", fields=("objectives", "tied"))
        return
    if sampler in ONE_OBJECTIVE:
        what = f"is {sampler}, which knows one objective, and objectives names {len(objectives)}"
        raise misfit(what, fix="tpe", fields=("sampler", "objectives"))
    if pruner not in (None, "none"):
        what = f"is {pruner}; Optuna's pruners know one objective, and objectives names {len(objectives)}"
        raise misfit(what, fix="none", fields=("pruner", "objectives"))
