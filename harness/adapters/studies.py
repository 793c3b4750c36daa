"""Turn the trials of a search into an Optuna study, in memory or in a journal file that optuna-dashboard opens."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.disk import room_in
from harness.errors import UserError


def study_of(
    trials: Iterable[Any],
    *,
    sampler: Any,
    pruner: Any = None,
    storage: Any = None,
    name: str | None = None,
    directions: Sequence[str] = ("maximize",),
) -> Any:
    """A study of one objective to maximise, or of several by their `directions`; `trials` are finished ones."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        directions=list(directions), sampler=sampler, pruner=pruner, storage=storage, study_name=name
    )
    study.add_trials(list(trials))
    return study


@contextmanager
def settled_on() -> Iterator[None]:
    """Inside, Optuna does not warn of parts that it calls experimental: the version is pinned."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


@contextmanager
def journal(path: Path) -> Iterator[Any]:
    """An empty storage to fill; it then takes the place of the journal file, which is never half there."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    fresh, lock = path.with_suffix(".new"), path.with_suffix(".new.lock")
    try:
        with room_in(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            for stale in (fresh, lock):
                stale.unlink(missing_ok=True)
            yield JournalStorage(JournalFileBackend(str(fresh)))
            os.replace(fresh, path)
    except OSError as error:
        what = f"the study cannot be written for Optuna ({error.strerror})"
        fix = f"move {path} away, or make its folder writable; the trials are safe, the same command goes on"
        raise UserError(what, where=str(error.filename or path), fix=fix) from error
    finally:
        for half in (fresh, lock):
            with suppress(OSError):  # What cannot be removed was told above.
                half.unlink(missing_ok=True)
