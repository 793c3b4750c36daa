"""Turn the trials of a search into an Optuna study in memory."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


def study_of(
    trials: Iterable[Any],
    *,
    sampler: Any,
    pruner: Any = None,
    name: str | None = None,
    directions: Sequence[str] = ("maximize",),
) -> Any:
    """A study of one objective to maximise, or of several by their `directions`; `trials` are finished ones."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=list(directions), sampler=sampler, pruner=pruner, study_name=name)
    study.add_trials(list(trials))
    return study


@contextmanager
def settled_on() -> Iterator[None]:
    """Inside, Optuna does not warn of parts that it calls experimental: the version is pinned."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
