"""Count the verdicts that a test set was used for: a line a judgement, in a file that outlives the artifacts.

The same judgement, repeated or resumed, is one use; any other judgement on the same test items is a further one.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ledger:
    """`.harness/ledger.jsonl`."""

    path: Path

    def prior_uses(self, *, test: str, opening: str) -> int:
        """Judgements on the test items with SHA-256 `test` that were opened before `opening`."""
        known = [line["opening"] for line in self._lines() if line["test"] == test]
        return known.index(opening) if opening in known else len(known)

    def open(self, *, test: str, opening: str) -> None:
        """Write down that `opening` uses the test items; once."""
        lines = self._lines()
        if {"test": test, "opening": opening} in lines:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(line) + "\n" for line in [*lines, {"test": test, "opening": opening}])
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self.path)

    def _lines(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]
