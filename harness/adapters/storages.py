"""Turn the trials of a search into an Optuna study on disk that keeps up with them: a journal file or a database.

Artifacts are the truth. What stands in a storage follows them, so that whoever watches the search sees it grow.
"""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from harness.disk import found_no_room, no_room
from harness.errors import StudyError, UserError
from harness.specs.storage import PASSWORD

OWNER = "llm_harness_workspace"
"""Attribute of a study in a database, by which a workspace knows its own ones."""
DRIVERS = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient", "pymysql": "PyMySQL"}
"""Module that talks to a database, and the package that brings it."""
PATIENT, PATIENCE = ("sqlite", "postgresql", "mysql", "mariadb"), 10
"""Kinds of database whose drivers can be told how long to wait for a connection or a lock, and the seconds."""
LOCK_SECONDS = 3
"""Older locks of a journal are those of the dead."""
SHORT = 6
"""Digits of the owner behind the name of a study whose own name is taken."""


class StudyPlace(NamedTuple):
    """Where a study is written."""

    journal: Path
    """The study's own file, where there is no database."""
    url: str | None = None
    """A database that many studies may share."""
    owner: str = ""
    """The workspace; studies of others in a database are left alone."""


def checked_storage(url: str, *, root: Path, where: str) -> None:
    """Raises `UserError` where a database could not be opened on this machine.

    Its kind is not known, what talks to it is not installed, or its file would lie outside the workspace.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import NoSuchModuleError

    kind, _, path = url.partition(":///")
    kind = kind.partition(":")[0]
    if url != located(url, root=root) and not os.path.normpath(root / path).startswith(f"{root}{os.sep}"):
        what = "search.storage leads out of the workspace"
        raise UserError(what, where=where, fix="move it inside, or write an absolute path, with four strokes")
    try:
        make_url(url).get_dialect().import_dbapi()
    except NoSuchModuleError as error:
        what = f"search.storage names a database of kind {kind}, which SQLAlchemy does not know"
        raise UserError(what, where=where, fix="write sqlite:///FILE or postgresql://USER@HOST/NAME") from error
    except ImportError as error:
        package = DRIVERS.get(error.name or "", error.name or f"for {kind}")
        what = f"search.storage needs the package {package} to talk to {kind}, which is not installed"
        raise UserError(what, where=where, fix=f"{sys.executable} -m pip install {shlex.quote(package)}") from error


def located(url: str, *, root: Path) -> str:
    """The same database, wherever the program runs: a relative path of SQLite starts at `root`."""
    scheme, _, path = url.partition(":///")
    if not scheme.startswith("sqlite") or path.startswith("/"):
        return url
    return f"{scheme}:///{os.path.normpath(root / path)}"


def write_through(trials: Sequence[Any], *, place: StudyPlace, name: str, directions: Sequence[str]) -> None:
    """Bring the study `name` up to `trials`, finished ones and at most one that is running.

    Raises `StudyError` where it cannot be written, and `UserError` where the disk takes no more.
    """
    if place.url is None:
        _journalled(trials, path=place.journal, name=name, directions=directions)
        return
    try:
        with _database(place.url) as storage:
            _followed(storage, trials, name=name, directions=directions, owner=place.owner)
    except Exception as error:  # A driver raises what it likes, and a study that nobody can watch stops no search.
        raise StudyError(f"the Optuna study cannot be written to search.storage ({_told(error)})") from error


def _journalled(trials: Sequence[Any], *, path: Path, name: str, directions: Sequence[str]) -> None:
    """A journal that was cut off, or holds anything else, is written anew: the file is this study's alone."""
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _grown(path, trials, name=name, directions=directions):
            fresh.unlink(missing_ok=True)
            _followed(_journal(fresh), trials, name=name, directions=directions)
            os.replace(fresh, path)
    except OSError as error:
        if found_no_room(error):
            raise no_room(error, where=path) from error
        what = f"the study cannot be written for Optuna ({error.strerror})"
        fix = f"move {path} away, or make its folder writable; the trials are safe, the same command goes on"
        raise StudyError(what, where=str(error.filename or path), fix=fix) from error
    finally:
        with suppress(OSError):  # What cannot be removed was told above.
            fresh.unlink(missing_ok=True)


def _grown(path: Path, trials: Sequence[Any], *, name: str, directions: Sequence[str]) -> bool:
    """Whether what was missing could be added to the file."""
    try:
        storage = _journal(path)
        if {study.study_name for study in storage.get_all_studies()} - {name}:
            return False
        _followed(storage, trials, name=name, directions=directions)
    except OSError:
        raise
    except Exception:  # Whatever Optuna stumbles over in it.
        return False
    return True


def _journal(path: Path) -> Any:
    """A dashboard may have it open too, but holds its lock for no longer than it writes a line."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

    lock = JournalFileSymlinkLock(str(path), grace_period=LOCK_SECONDS)
    return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))


@contextmanager
def _database(url: str) -> Iterator[Any]:
    """The password comes from the environment, so that it stands in no file."""
    from optuna.storages import RDBStorage
    from sqlalchemy import make_url

    exact = make_url(url)
    if exact.drivername.startswith("sqlite") and exact.database:
        Path(exact.database).parent.mkdir(parents=True, exist_ok=True)
    elif password := os.environ.get(PASSWORD):
        exact = exact.set(password=password)
    connect = {"timeout" if exact.drivername.startswith("sqlite") else "connect_timeout": PATIENCE}
    patient = {"connect_args": connect} if exact.drivername.startswith(PATIENT) else {}
    storage = RDBStorage(exact.render_as_string(hide_password=False), engine_kwargs=patient)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _followed(
    storage: Any, trials: Sequence[Any], *, name: str, directions: Sequence[str], owner: str | None = None
) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    name = _own_name(storage, name, owner=owner)
    study = _opened(storage, name, directions=directions, owner=owner)
    known = study.get_trials()
    if not _leads_to(trials, known=known, study=study, directions=directions):
        optuna.delete_study(study_name=name, storage=storage)
        study, known = _opened(storage, name, directions=directions, owner=owner), []
    for there, wanted in zip(known, trials, strict=False):
        _advanced(storage, there, wanted=wanted)
    study.add_trials(trials[len(known) :])


def _own_name(storage: Any, name: str, *, owner: str | None) -> str:
    """The name, unless a study of somebody else has it."""
    if owner is None:
        return name
    taken = {study.study_name: study.user_attrs.get(OWNER) for study in storage.get_all_studies()}
    return name if taken.get(name, owner) == owner else f"{name}-{owner[:SHORT]}"


def _opened(storage: Any, name: str, *, directions: Sequence[str], owner: str | None) -> Any:
    import optuna

    study = optuna.create_study(storage=storage, study_name=name, directions=list(directions), load_if_exists=True)
    if owner is not None and study.user_attrs.get(OWNER) != owner:
        study.set_user_attr(OWNER, owner)
    return study


def _leads_to(trials: Sequence[Any], *, known: Sequence[Any], study: Any, directions: Sequence[str]) -> bool:
    """Whether what stands there becomes `trials` by adding to it; a changed spec or a repeated trial begins anew."""
    same = [direction.name.lower() for direction in study.directions] == list(directions)
    return same and len(known) <= len(trials) and all(map(_becomes, known, trials))


def _becomes(there: Any, wanted: Any) -> bool:
    if (there.params, there.distributions) != (wanted.params, wanted.distributions):
        return False
    if there.state.is_finished():
        return bool((there.state, there.values) == (wanted.state, wanted.values))
    return bool(there.intermediate_values.items() <= wanted.intermediate_values.items())


def _advanced(storage: Any, there: Any, *, wanted: Any) -> None:
    if there.state.is_finished():
        return
    for step, value in wanted.intermediate_values.items():
        if step not in there.intermediate_values:
            storage.set_trial_intermediate_value(there._trial_id, step, value)
    if wanted.state.is_finished():
        storage.set_trial_state_values(there._trial_id, wanted.state, wanted.values)


def _told(error: Exception) -> str:
    """The first line of what went wrong, without the password."""
    cause = error.__cause__ or error
    line = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
    password = os.environ.get(PASSWORD)
    return line.replace(password, "…") if password else line
