"""Turn a file of JSON lines into one that shows what was done to it: every line holds the hash of the line before.

A line is `{"line": 1, …, "previous": "", "hash": …}`; its hash is over everything else in it.
"""

import json
from pathlib import Path
from typing import Any

from harness.canonical import digest
from harness.disk import write_whole
from harness.errors import StoreError

Row = dict[str, Any]
Stamp = tuple[int, int, int]


def verified(path: Path) -> list[Row]:
    """Every line, none if there is no file; `StoreError` names the first one that was tampered with."""
    if not path.exists():
        return []
    # Bytes that are no UTF-8 become characters that no hash fits.
    lines = path.read_text("utf-8", errors="replace").removesuffix("\n").split("\n")
    rows: list[Row] = []
    for number, line in enumerate(lines, start=1):
        row = _row(line)
        if wrong := _wrong(row, number=number, previous=rows[-1]["hash"] if rows else ""):
            raise StoreError(
                wrong,
                where=f"{path}:{number}",
                fix="restore the file from a backup; if it is lost, move it away: "
                "what the store and the reports still show counts as used",
            )
        rows.append(row)
    return rows


def appended(path: Path, fields: Row) -> None:
    """Put one line behind the others; the file is whole at every moment, and on disk before this returns."""
    rows = verified(path)
    row = {"line": len(rows) + 1, **fields, "previous": rows[-1]["hash"] if rows else ""}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, "".join(json.dumps(each) + "\n" for each in [*rows, {**row, "hash": digest(row)}]).encode())


def stamp(path: Path) -> Stamp | None:
    """What changes with the file; None while there is none."""
    if not path.exists():
        return None
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _row(line: str) -> Row:
    """A line's object; an empty one where it is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _wrong(row: Row, *, number: int, previous: str) -> str:
    """What is wrong with a line in its place; empty if nothing is."""
    if not row:
        return f"line {number} is not a JSON object"
    if row.get("hash") != _hash(row):
        return f"line {number} was changed"
    if row.get("line") != number or row.get("previous") != previous:
        return f"a line before line {number} is missing, doubled or out of place"
    return ""


def _hash(row: Row) -> str:
    try:
        return digest({name: value for name, value in row.items() if name != "hash"})
    except ValueError:
        # NaN, which nothing here writes.
        return ""
