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
        if {"test": test, "opening": opening} in self._lines():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"test": test, "opening": opening}) + "\n")
            stream.flush()
            os.fsync(stream.fileno())

    def _lines(self) -> list[dict[str, str]]:
        """Complete lines; one that a kill cut short never counted, for nothing was judged yet."""
        if not self.path.exists():
            return []
        text = self.path.read_text("utf-8")
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
