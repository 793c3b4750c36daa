"""Remember which commit of a hub model or data set a workspace uses, so that it stays the same until someone decides.

`.harness/pins.json`; remove a line, or give a `revision` in the spec, to move on.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.disk import write_whole


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
        return json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}
