"""Turn key paths into the places where a person wrote them: a file's line, or a --set."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import UserError
from harness.loading.positions import Document
from harness.loading.words import KeyPath, clipped, dotted


@dataclass(frozen=True)
class Override:
    """One `--set`, as typed and as understood."""

    typed: str
    path: KeyPath
    value: Any

    @property
    def where(self) -> str:
        return override_place(self.typed)


_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@|(?<=[?&])\w*(pass|pwd|secret|token)\w*=[^&\s]*", re.IGNORECASE)
"""Inside an address."""


def override_place(typed: str) -> str:
    """What stands before the message of an override: `--set search.trials=0`; without passwords."""
    safe = _CREDENTIALS.sub("…", typed)
    return f"--set {clipped(safe) or repr(safe)}"


@dataclass(frozen=True)
class Place:
    """One spot a person can go to."""

    order: tuple[int, int, int]
    """(file, line, column); overrides come before the file they change."""
    text: str
    typed: str | None = None
    """The value as written there; null when it is long or unknown."""
    is_override: bool = False

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Problem:
    """One mistake, with what is needed to sort it."""

    order: tuple[int, int, int]
    error: UserError
    path: KeyPath = ()


@dataclass(frozen=True)
class Places:
    """Where each key path of one spec was written."""

    document: Document
    rank: int = 0
    """Which file comes first in a list of problems."""
    overrides: Sequence[Override] = ()
    overlay: "Places | None" = None
    """The experiment, whose `data` lies over this task's."""

    def at(self, path: KeyPath, *, key: bool = False) -> Place:
        """The place of a path or of its nearest ancestor; `key`: of the key, not of its value."""
        if place := self.exact(path, key=key):
            return place
        return self.at(path[:-1]) if path else Place((self.rank, 1, 1), f"{self.document.file}:1:1")

    def exact(self, path: KeyPath, *, key: bool = False) -> Place | None:
        """The place of exactly this path, if anyone wrote it."""
        if override := self._setting(path):
            return override
        inside_data = len(path) > 1 and path[0] == "data"
        if inside_data and self.overlay and (place := self.overlay.exact(path, key=key)):
            return place
        if entry := self.document.entries.get(path):
            line, column = entry.key if key else entry.best
            text = f"{self.document.file}:{line}:{column}"
            return Place((self.rank, line, column), text, typed=entry.typed)
        return self._inside(path)

    def problem(self, path: KeyPath, what: str, *, fix: str, key: bool = False) -> Problem:
        """A mistake at a path; `what` is the whole sentence."""
        place = self.at(path, key=key)
        return Problem(place.order, UserError(what, where=str(place), fix=fix), path)

    def setting(self, path: KeyPath, value: str) -> str:
        """How to write a value here: `trials: 20` in a file, `--set search.trials=20` on the command line."""
        if self.at(path).is_override:
            return f"--set {shlex.quote(f'{dotted(path)}={value}')}"
        return f"{path[-1]}: {value}" if path and isinstance(path[-1], str) else value

    def _setting(self, path: KeyPath) -> Place | None:
        """The last override that sets this path or a section around it."""
        found = [(i, item) for i, item in enumerate(self.overrides) if path[: len(item.path)] == item.path]
        return self._override_place(*found[-1]) if found else None

    def _inside(self, path: KeyPath) -> Place | None:
        """The override that created this section by setting something in it."""
        found = [(i, item) for i, item in enumerate(self.overrides) if item.path[: len(path)] == path]
        return self._override_place(*found[-1]) if found and path else None

    def _override_place(self, index: int, override: Override) -> Place:
        return Place((self.rank, 0, index), override.where, is_override=True)
