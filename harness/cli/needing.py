"""Turn what a run needs (tokens, memory, disk) into rows of `check --json` and into lines to print."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.asks import FamilyAsks
from harness.cli.asking import INDENT, wrapped
from harness.estimate import Tokens
from harness.memory import Load, disk_need, memory_needs
from harness.room import DOING
from harness.wording import gigabytes

WIDTH = 9
"""Of a size."""


def tokens_rows(expected: Mapping[str, Tokens]) -> dict[str, dict[str, int]]:
    """Side to tokens by what is done with them."""
    return {side: {name: round(count) for name, count in found._asdict().items()} for side, found in expected.items()}


def tokens_line(rows: Mapping[str, Mapping[str, int]]) -> str:
    """Both sides; what a side does not do is left out."""
    words = {"read": "read", "generated": "generated", "trained": "trained on"}
    sides = (
        f"{side} {', '.join(f'{row[name]:,} {shown}' for name, shown in words.items() if row[name])}"
        for side, row in rows.items()
    )
    return wrapped(f"about: {'; '.join(sides)}", heading="tokens")


def needs_rows(load: Load, *, asked: Sequence[FamilyAsks]) -> list[dict[str, Any]]:
    """Phase by phase: bytes that it takes, about and at least, part by part, and bytes that there are."""
    return [
        {
            "phase": need.phase,
            "place": need.place,
            "bytes": round(need.expected),
            "least_bytes": round(need.least),
            "has_bytes": need.has,
            "parts": {part.name: round(part.expected) for part in need.parts},
        }
        for need in (*memory_needs(load, asked=asked), disk_need(load))
    ]


def needs_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line each, and under it its parts."""
    lines = []
    for row in rows:
        title = "disk" if row["place"] == "disk" else "memory"
        there = f" of {gigabytes(row['has_bytes'])}" if row["has_bytes"] is not None else ""
        unit = " of the GPU" if row["place"] == "GPU memory" else ""
        lines.append(f"{title:<9}{DOING[row['phase']]} takes about {gigabytes(row['bytes'])}{there}{unit}:")
        lines += [f"{INDENT}{gigabytes(size):>{WIDTH}}  {name}" for name, size in row["parts"].items()]
    return lines
