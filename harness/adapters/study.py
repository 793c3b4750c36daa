"""Turn finished trials into the next configuration, through Optuna.

The study is rebuilt from the artifacts on every call and the sampler seeded by trial number, so a search that was
killed asks for exactly the trials that an undisturbed one asks for.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.adapters.prompt_study import suggested_prompt
from harness.adapters.studies import journal, study_of
from harness.records import Trial
from harness.specs import SearchSpec

__all__ = ["mirror", "should_stop", "suggested", "suggested_prompt"]

STARTUP = 2
"""Trials that must finish before the median can stop another."""


def suggested(spec: SearchSpec, *, history: Sequence[Trial], number: int, metric: str) -> dict[str, Any]:
    """Parameters of trial `number`, given the trials before it."""
    study = _study(spec, history=history, seed=spec.seed + number, metric=metric)
    return _sampled(study.ask(_distributions(spec)).params, spec=spec)


def should_stop(spec: SearchSpec, *, history: Sequence[Trial], running: Trial, metric: str) -> bool:
    """Whether the pruner would stop `running` after its last epoch."""
    if spec.pruner == "none" or not running.epochs or running.number == 0:
        return False
    study = _study(spec, history=history, seed=spec.seed, metric=metric)
    trial = study.ask()
    for epoch in running.epochs:
        trial.report(epoch.validation[metric], epoch.epoch)
    return bool(trial.should_prune())


def mirror(spec: SearchSpec, *, history: Sequence[Trial], path: Path, name: str, metric: str) -> None:
    """Write the study to a journal file that Optuna and optuna-dashboard open."""
    with journal(path) as storage:
        _study(spec, history=history, seed=spec.seed, metric=metric, storage=storage, name=name)


def _study(
    spec: SearchSpec, *, history: Sequence[Trial], seed: int, metric: str, storage: Any = None, name: str | None = None
) -> Any:
    import optuna

    samplers = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
    pruner = (
        optuna.pruners.MedianPruner(n_startup_trials=STARTUP) if spec.pruner == "median" else optuna.pruners.NopPruner()
    )
    trials = [_frozen(trial, distributions=_distributions(spec), metric=metric) for trial in history]
    return study_of(trials, sampler=samplers[spec.sampler](seed=seed), pruner=pruner, storage=storage, name=name)


def _frozen(trial: Trial, *, distributions: dict[str, Any], metric: str) -> Any:
    import optuna

    states = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
    return optuna.trial.create_trial(
        params={name: trial.params[name] for name in distributions},
        distributions=distributions,
        value=None if trial.status == "failed" else trial.value,
        intermediate_values={epoch.epoch: epoch.validation[metric] for epoch in trial.epochs},
        state=optuna.trial.TrialState[states[trial.status]],
    )


def _distributions(spec: SearchSpec) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    space = spec.space
    return {
        "rank": CategoricalDistribution(space.rank),
        "learning_rate": FloatDistribution(*space.learning_rate, log=True),
        "epochs": CategoricalDistribution(space.epochs),
        "alpha_over_rank": CategoricalDistribution(space.alpha_over_rank),
        "dropout": FloatDistribution(*space.dropout),
        "target_modules": CategoricalDistribution(space.target_modules),
    }


def _sampled(params: dict[str, Any], *, spec: SearchSpec) -> dict[str, Any]:
    """With alpha spelled out and the learning rate at three digits, which people can read and repeat."""
    low, high = spec.space.learning_rate
    rate = params["learning_rate"]
    rounded = round(rate, 2 - math.floor(math.log10(rate)))
    return {
        **params,
        "learning_rate": min(max(rounded, low), high),
        "dropout": round(params["dropout"], 6),
        "alpha": params["rank"] * params["alpha_over_rank"],
    }
