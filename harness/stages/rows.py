"""Turn rows of data into rows with ids that no template changes."""

import hashlib
import json
from collections import Counter
from typing import Any

Row = dict[str, Any]
Rows = dict[str, list[Row]]
"""Rows by the name of the split they came with; `all` where they came with none."""
Named = list[tuple[str, Row]]
"""Rows with their ids."""


def identified(rows: Rows) -> dict[str, Named]:
    """Every row with an id from its content; equal rows are counted, so that each has its own."""
    seen: Counter[str] = Counter()
    found: dict[str, Named] = {}
    for name, pool in rows.items():
        found[name] = []
        for row in pool:
            content = json.dumps(row, sort_keys=True, default=str)
            found[name].append((_short(f"{content}\0{seen[content]}"), row))
            seen[content] += 1
    return found


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
