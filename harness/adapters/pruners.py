"""Turn the epochs of a trial and those of the trials before it into whether it is worth one more, through Optuna."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.adapters.studies import settled_on, study_of
from harness.records import Trial
from harness.specs import SearchSpec

STARTUP = 2
"""Trials that must finish before another can be stopped."""
PATIENCE = 1
"""Epochs without a gain that `patient` allows before it asks the median."""
P_THRESHOLD = 0.1
"""Level of the Wilcoxon test on the items of validation."""
NAME = "search"
"""Hyperband deals trials out to its brackets by number and by this name."""


def should_stop(spec: SearchSpec, *, history: Sequence[Trial], running: Trial, metric: str) -> bool:
    """Whether the pruner would stop `running` after its last epoch.

    The trials before it are reported again: Hyperband keeps what it has to know in the trials that it was asked about.
    """
    import optuna

    if spec.pruner == "none" or not running.epochs or running.number == 0:
        return False
    study = study_of([], sampler=optuna.samplers.RandomSampler(seed=0), pruner=_pruner(spec), name=NAME)
    for trial in history:
        asked, _ = _reported(study, trial, spec=spec, metric=metric)
        study.tell(asked, trial.value if trial.status == "complete" else None, state=state_of(trial))
    return _reported(study, running, spec=spec, metric=metric)[1]


def state_of(trial: Trial) -> Any:
    """Optuna's word for the status of a trial."""
    from optuna.trial import TrialState

    over = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    return {**over, "running": TrialState.RUNNING}[trial.status]


def _reported(study: Any, trial: Trial, *, spec: SearchSpec, metric: str) -> tuple[Any, bool]:
    """The trial as Optuna knows it, and whether it is to stop now."""
    asked = study.ask()
    if spec.pruner == "wilcoxon":
        for place, value in enumerate(_items(trial)):
            asked.report(value, place)
        return asked, trial.status == "running" and asked.should_prune()
    stop = False
    for epoch in trial.epochs:
        asked.report(epoch.validation[metric], epoch.epoch)
        stop = asked.should_prune()
    return asked, stop


def _items(trial: Trial) -> list[float]:
    """Score by score: of a trial that is over its best epoch, else the last."""
    if trial.status == "running":
        return trial.epochs[-1].scores
    return trial.epochs[trial.best_epoch - 1].scores if trial.best_epoch else []


def _pruner(spec: SearchSpec) -> Any:
    from optuna import pruners

    made: Mapping[str, Callable[[], Any]] = {
        "median": lambda: pruners.MedianPruner(n_startup_trials=STARTUP),
        "patient": lambda: pruners.PatientPruner(pruners.MedianPruner(n_startup_trials=STARTUP), patience=PATIENCE),
        "hyperband": lambda: pruners.HyperbandPruner(max_resource=spec.most_epochs),
        "wilcoxon": lambda: pruners.WilcoxonPruner(p_threshold=P_THRESHOLD),
    }
    with settled_on():
        return made[spec.pruner]()
