"""Turn a plan into Optuna studies on disk that show its searches as they go on, for optuna-dashboard."""

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from harness.adapters.prompt_study import mirror_prompts
from harness.adapters.storages import StudyPlace, located
from harness.adapters.study import mirror
from harness.errors import StudyError
from harness.pins import Pins
from harness.plan import Plan
from harness.plan.setup import Setup


class _Search(NamedTuple):
    """One search of a plan."""

    name: str
    """Of its study: the experiment's, or `NAME.FAMILY` of prompts."""
    trials: list[Any]
    """As far as they are known."""
    write: Callable[..., None]
    """Takes `place`."""


class StudyMirror:
    """Called with every plan; writes a study where its trials have changed.

    Nothing depends on what is written, so a storage that fails is told of once and never stops a search.
    """

    def __init__(self, setup: Setup, *, state: Path, warn: Callable[[str], None]) -> None:
        self._setup, self._warn = setup, warn
        self._folder = state / "studies"
        self._url, self._owner = _shared(setup, state=state)
        self._written: dict[str, list[Any]] = {}
        self._broken = False

    def __call__(self, current: Plan) -> None:
        for search in _searches(self._setup, current):
            if search.trials and not self._broken and self._written.get(search.name) != search.trials:
                self._write(search)
                self._written[search.name] = search.trials

    def _write(self, search: _Search) -> None:
        journal = self._folder / f"{search.name}.journal"
        try:
            search.write(place=StudyPlace(journal, self._url, self._owner))
        except StudyError as error:
            if self._url is None:
                self._broken = True
                self._warn(f"warning: {error}")
                return
            where = self._setup.resolved.where("search", "storage")
            fix = f"mend it and start again, or watch {journal}"
            self._warn(f"warning: {StudyError(f'{error.what}; the search goes on', where=where, fix=fix)}")
            self._url = None
            self._write(search)


def _shared(setup: Setup, *, state: Path) -> tuple[str | None, str]:
    """The database, if one is asked for, and the name by which it knows this workspace."""
    url = setup.resolved.experiment.search.storage
    if url is None:
        return None, ""
    owner = Pins(state / "pins.json").pinned("workspace", lambda: secrets.token_hex(8))
    return located(url, root=setup.resolved.root), owner


def _searches(setup: Setup, current: Plan) -> Iterator[_Search]:
    name, spec = setup.resolved.name, setup.resolved.experiment.search
    yield _Search(name, current.trials, partial(mirror, spec, history=current.trials, name=name, metric=setup.metric))
    for family, found in current.prompt_searches.items():
        title = f"{name}.{family}"
        write = partial(mirror_prompts, space=found.space, history=found.known, name=title)
        yield _Search(title, found.known, write)
