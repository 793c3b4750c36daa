"""Remember which commit of a hub model or data set a workspace uses, so that it stays the same until someone decides.

`.harness/pins.json`; remove a line, or give a `revision` in the spec, to move on.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.disk import write_whole
from harness.errors import UserError


@dataclass(frozen=True)
class Pins:
    """Names to commits."""

    path: Path

    def known(self, name: str) -> str | None:
        """The commit that was used before, if any."""
        return self._all().get(name)

    def pinned(self, name: str, newest: Callable[[], str]) -> str:
        """The commit used before, or the newest one, which is then kept."""
        found = self.known(name)
        if found is None:
            found = newest()
            self.keep(name, found)
        return found

    def keep(self, name: str, commit: str) -> None:
        """Use this commit from now on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, json.dumps({**self._all(), name: commit}, indent=1, sort_keys=True).encode())

    def _all(self) -> dict[str, str]:
        if not self.path.exists():
            return {}
        try:
            return _commits(json.loads(self.path.read_bytes()))
        except (ValueError, RecursionError) as error:
            what = "cannot be read: it is not the JSON object of names and commits that the harness writes"
            fix = "remove it; what comes from the hub without a revision is then used at its newest commit"
            raise UserError(what, where=str(self.path), fix=fix) from error


def _commits(found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError("no object of texts")
    return found
