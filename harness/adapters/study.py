"""Turn finished trials into the next configuration, through Optuna.

The study is rebuilt from the artifacts on every call and the sampler seeded by trial number, so a search that was
killed asks for exactly the trials that an undisturbed one asks for.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.adapters.prompt_study import suggested_prompt
from harness.adapters.pruners import should_stop, state_of
from harness.adapters.samplers import REMEMBERING, grid, sampler_of
from harness.adapters.studies import journal, study_of
from harness.records import Trial
from harness.specs import SearchSpec

__all__ = ["mirror", "should_stop", "suggested", "suggested_prompt"]


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


def mirror(spec: SearchSpec, *, history: Sequence[Trial], path: Path, name: str, metric: str) -> None:
    """Write the study to a journal file that Optuna and optuna-dashboard open."""
    with journal(path) as storage:
        _study(spec, history=history, seed=spec.seed, metric=metric, storage=storage, name=name)


def _study(
    spec: SearchSpec, *, history: Sequence[Trial], seed: int, metric: str, storage: Any = None, name: str | None = None
) -> Any:
    trials = [_frozen(trial, distributions=_distributions(spec), metric=metric) for trial in history]
    return study_of(trials, sampler=sampler_of(spec, seed=seed), storage=storage, name=name)


def _proposed_again(spec: SearchSpec, *, history: Sequence[Trial]) -> Any:
    """The same trials asked for once more, in their order, and told what came of them."""
    study = study_of([], sampler=sampler_of(spec, seed=spec.seed))
    for trial in history:
        asked = study.ask(_distributions(spec))
        scored = trial.status != "failed" and trial.value is not None
        study.tell(asked, trial.value if scored else None, state=None if scored else state_of(trial))
    return study


def _frozen(trial: Trial, *, distributions: dict[str, Any], metric: str) -> Any:
    import optuna

    return optuna.trial.create_trial(
        params={name: trial.params[name] for name in distributions},
        distributions=distributions,
        value=None if trial.status == "failed" else trial.value,
        intermediate_values={epoch.epoch: epoch.validation[metric] for epoch in trial.epochs},
        state=state_of(trial),
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
