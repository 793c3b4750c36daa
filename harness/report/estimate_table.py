"""Turn the estimate of a report, and what the work came to, into the cells of one table for every renderer."""

from typing import NamedTuple

from harness.report import formats
from harness.report.document import Report
from harness.report.estimate_rows import EstimateRow
from harness.wording import gigabytes

WORK = "work"
"""Where `timing` holds seconds and `provenance` holds memory, by kind of work."""
ESTIMATED = (
    "What each kind of work came to, and in brackets what was expected before anything ran: "
    "at most so many steps, and the time that two CPU cores take."
)


class EstimateTable(NamedTuple):
    """A row for each kind of work, then all of it."""

    heads: list[str]
    """Above the cells."""
    rows: list[tuple[str, list[str]]]
    """Kind of work and its cells, the last one the whole."""


def estimate_table(report: Report) -> EstimateTable:
    """No rows in a report that did not estimate."""
    heads = ["steps", "time", "tokens read", "generated", "trained on", "peak memory"]
    rows = [(row.title, _cells(report, row)) for row in report.estimates]
    return EstimateTable(heads, [*rows, ("all", _whole(report))] if rows else [])


def estimate_words(report: Report) -> str:
    """`took 33 min (41 min expected) and 6.3 GB (8.1 GB)`; empty in a report that did not estimate."""
    if not report.estimates:
        return ""
    spent = formats.duration(_seconds(report))
    told = f"took {spent} ({formats.duration(sum(row.expected_seconds for row in report.estimates))} expected)"
    peak, expected = _bytes(report, "peak_bytes"), _bytes(report, "expected_bytes")
    return f"{told} and {_memory(peak, expected)}" if peak else told


def _cells(report: Report, row: EstimateRow) -> list[str]:
    seconds, memory = report.timing.get(WORK, {}).get(row.kind), report.provenance.get(WORK, {}).get(row.kind, {})
    return [
        _both(formats.count(row.steps), formats.count(row.expected_steps)),
        _both(formats.duration(seconds), formats.duration(row.expected_seconds)),
        *(_tokens([row], name) for name in ("read", "generated", "trained")),
        _memory(memory.get("peak_bytes"), memory.get("expected_bytes")),
    ]


def _whole(report: Report) -> list[str]:
    rows = report.estimates
    return [
        _both(formats.count(sum(r.steps for r in rows)), formats.count(sum(r.expected_steps for r in rows))),
        _both(formats.duration(_seconds(report)), formats.duration(sum(row.expected_seconds for row in rows))),
        *(_tokens(rows, name) for name in ("read", "generated", "trained")),
        _memory(_bytes(report, "peak_bytes"), _bytes(report, "expected_bytes")),
    ]


def _tokens(rows: list[EstimateRow], name: str) -> str:
    """A dash where there are none and none were expected."""
    counted, expected = (sum(getattr(part, name) for part in parts) for parts in zip(*map(_parts, rows), strict=True))
    return _both(formats.count(counted), formats.count(expected)) if counted or expected else formats.NOTHING


def _parts(row: EstimateRow) -> tuple[object, object]:
    return row.counted, row.expected


def _seconds(report: Report) -> float | None:
    """Of all estimated work; None in a report without its clock."""
    measured: dict[str, float] = report.timing.get(WORK, {})
    return sum(measured.values()) if measured else None


def _bytes(report: Report, name: str) -> int | None:
    """The most of any kind of work."""
    found = [of[name] for of in report.provenance.get(WORK, {}).values() if name in of]
    return max(found, default=None)


def _memory(peak: int | None, expected: int | None) -> str:
    return _both(*(formats.NOTHING if size is None else gigabytes(size) for size in (peak, expected)))


def _both(found: str, expected: str) -> str:
    """What it came to, and in brackets what was expected."""
    return found if expected == formats.NOTHING else f"{found} ({expected})"
