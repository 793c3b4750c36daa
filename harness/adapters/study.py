"""Turn finished trials into the next configuration, through Optuna.

The study is rebuilt from the artifacts on every call and the sampler seeded by trial number, so a search that was
killed asks for exactly the trials that an undisturbed one asks for.
"""

import math
from collections.abc import Sequence
from typing import Any

from harness.adapters.prompt_study import suggested_prompt
from harness.adapters.pruners import should_stop, state_of
from harness.adapters.samplers import REMEMBERING, grid, sampler_of
from harness.adapters.storages import StudyPlace, write_through
from harness.adapters.studies import study_of
from harness.objectives import HIGHER_IS_BETTER, point
from harness.records import Trial
from harness.specs import SearchSpec

__all__ = ["logarithmic", "mirror", "should_stop", "suggested", "suggested_prompt"]


def suggested(spec: SearchSpec, *, history: Sequence[Trial], number: int, metric: str) -> dict[str, Any]:
    """Parameters of trial `number`, below `spec.most_trials`, given the trials before it."""
    distributions = _distributions(spec)
    if spec.sampler == "grid":
        return _sampled(grid(distributions, seed=spec.seed)[number], spec=spec)
    if spec.sampler in REMEMBERING:
        study = _proposed_again(spec, history=history)
    else:
        study = _study(spec, history=history, seed=spec.seed + number, metric=metric)
    return _sampled(study.ask(distributions).params, spec=spec)


def mirror(spec: SearchSpec, *, history: Sequence[Trial], place: StudyPlace, name: str, metric: str) -> None:
    """Write the study where Optuna and optuna-dashboard open it; the last trial may still be running."""
    trials = [_frozen(trial, spec=spec, metric=metric) for trial in history]
    write_through(trials, place=place, name=name, directions=_directions(spec))


def logarithmic(spec: SearchSpec) -> set[str]:
    """Parameters that are searched on a log scale."""
    return {name for name, distribution in _distributions(spec).items() if getattr(distribution, "log", False)}


def _study(spec: SearchSpec, *, history: Sequence[Trial], seed: int, metric: str) -> Any:
    trials = [_frozen(trial, spec=spec, metric=metric) for trial in history]
    return study_of(trials, sampler=sampler_of(spec, seed=seed), directions=_directions(spec))


def _directions(spec: SearchSpec) -> list[str]:
    return ["maximize" if name in HIGHER_IS_BETTER else "minimize" for name in spec.objectives]


def _proposed_again(spec: SearchSpec, *, history: Sequence[Trial]) -> Any:
    """The same trials asked for once more, in their order, and told what came of them."""
    study = study_of([], sampler=sampler_of(spec, seed=spec.seed), directions=_directions(spec))
    for trial in history:
        asked, values = study.ask(_distributions(spec)), _values(trial, spec=spec)
        study.tell(asked, values, state=None if values else state_of(trial))
    return study


def _values(trial: Trial, *, spec: SearchSpec) -> list[float] | None:
    """By objective; None of a trial that failed or goes on."""
    if trial.value is None or trial.status in ("failed", "running"):
        return None
    return [trial.value] if len(spec.objectives) == 1 else point(trial).values(spec.objectives)


def _frozen(trial: Trial, *, spec: SearchSpec, metric: str) -> Any:
    import optuna

    distributions = _distributions(spec)
    values, alone = _values(trial, spec=spec), len(spec.objectives) == 1
    steps = {epoch.epoch: epoch.validation[metric] for epoch in trial.epochs}
    return optuna.trial.create_trial(
        params={name: trial.params[name] for name in distributions},
        distributions=distributions,
        values=values,
        # Of several objectives Optuna knows neither epochs nor pruning; all are known of a trial that was stopped, too.
        intermediate_values=steps if alone else {},
        state=state_of(trial) if alone or values is None else optuna.trial.TrialState.COMPLETE,
    )


def _distributions(spec: SearchSpec) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return {
        name: CategoricalDistribution(values)
        if isinstance(values, list)
        else FloatDistribution(*values, log=name == "learning_rate")
        for name, values in spec.varied.items()
    }


def _sampled(params: dict[str, Any], *, spec: SearchSpec) -> dict[str, Any]:
    """With alpha spelled out and the learning rate at three digits, which people can read and repeat."""
    low, high = spec.varied["learning_rate"]
    rate = params["learning_rate"]
    rounded = round(rate, 2 - math.floor(math.log10(rate)))
    found = {**params, "learning_rate": min(max(rounded, low), high)}
    if "dropout" in params:
        found["dropout"] = round(params["dropout"], 6)
    if "alpha_over_rank" in params:
        found["alpha"] = params["rank"] * params["alpha_over_rank"]
    return found
