"""Turn the effort of a report into the cells of one table, the same for every renderer."""

from collections.abc import Iterator
from typing import NamedTuple

from harness.report import formats
from harness.report.document import Arm, Effort, Report

TIMED = "effort"
"""Where `timing` holds the seconds: what the clock measured stands apart from what every run repeats."""

COUNTED = (
    "Tokens count every answer, time only what was computed: "
    "an answer that .harness/answers.sqlite held already took none."
)
"""What the columns count: a kept answer knows its tokens and not its seconds."""
SHARED = "Answers that two families share count in both rows, and once in the sum."
"""A note where families share answers."""


class EffortRow(NamedTuple):
    """A family of prompts, or a side."""

    name: str
    cells: list[str]
    is_side: bool


class EffortTable(NamedTuple):
    """Rows of families, then the two sides."""

    heads: list[str]
    """Above the cells."""
    rows: list[EffortRow]


def effort_table(report: Report) -> EffortTable:
    """Time and dollars stand there only where something was clocked or charged."""
    every = [*report.effort_by_family, *report.effort]
    columns = {
        "tried": [formats.count(one.configurations) for one in every],
        "tokens read": [formats.count(one.tokens_in) for one in every],
        "generated": [formats.count(one.tokens_out) for one in every],
        "trained on": [formats.count(one.tokens_trained) for one in every],
        "all tokens": [formats.count(_tokens(one)) for one in every],
    }
    seconds = [_seconds(report, one) for one in every]
    if any(found is not None for found in seconds):
        columns["time"] = [formats.duration(found) for found in seconds]
    if any(one.dollars is not None for one in every):
        columns["dollars"] = [formats.dollars(one.dollars) for one in every]
    cells = zip(*columns.values(), strict=True)
    rows = [EffortRow(_name(one), list(row), one.family is None) for one, row in zip(every, cells, strict=True)]
    return EffortTable(list(columns), rows)


def effort_words(report: Report) -> list[str]:
    """Each side in a few words: `tuning tried 4, 883,314 tokens, 22 min`."""
    return [", ".join(_words(report, one)) for one in report.effort]


def _words(report: Report, effort: Effort) -> Iterator[str]:
    yield f"{_name(effort)} tried {formats.count(effort.configurations)}"
    yield f"{formats.count(_tokens(effort))} tokens"
    if (seconds := _seconds(report, effort)) is not None:
        yield formats.duration(seconds)
    if effort.dollars is not None:
        yield f"${formats.dollars(effort.dollars)}"


def tokens_to_choose(report: Report, arm: Arm) -> int | None:
    """Model tokens that the choice of a champion took; None in a report that did not count them."""
    rows = report.effort if arm.kind == "tuned" else report.effort_by_family
    wanted = "tuning" if arm.kind == "tuned" else arm.family
    return next((_tokens(one) for one in rows if _name(one) == wanted), None)


def _name(effort: Effort) -> str:
    return effort.family or effort.side


def _tokens(effort: Effort) -> int:
    return effort.tokens_in + effort.tokens_out + effort.tokens_trained


def _seconds(report: Report, effort: Effort) -> float | None:
    held = report.timing.get(TIMED, {})
    place = held if effort.family is None else held.get("families", {})
    seconds: float | None = place.get(_name(effort))
    return seconds
