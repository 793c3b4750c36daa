"""Turn what was tried, and why it lost, into Markdown."""

from collections.abc import Iterator

from harness.report import formats, views
from harness.report.document import Report
from harness.report.epoch_table import epoch_table
from harness.report.gfm import inline, table
from harness.report.losing import named
from harness.report.text import shortened
from harness.report.trial_rows import TriedTrial

LONGEST = 400
"""Characters of one sentence."""


def chosen_epochs(report: Report) -> str:
    """The epochs of the champion; the page shows those of every trial."""
    trial = views.champion_trial(report)
    if trial is None or not trial.epochs:
        return ""
    found = epoch_table(report, only=trial.number)
    rows = [
        [f"trial {row.trial}, epoch {row.epoch}{' (kept)' if row.kept else ''}", *map(inline, row.cells)]
        for row in found.rows
    ]
    return table(["Epoch", *map(inline, found.heads)], rows, right=1)


def tried(report: Report) -> Iterator[str]:
    """How each trial ended, why it lost, and what ails it."""
    if not report.tried:
        return
    yield "## What was tried and why it lost"
    yield table(["Trial", "With", "Ended", "Why it lost"], (_row(report, row) for row in report.tried), right=4)
    yield "\n".join(_finding(row, number) for row in views.tried_first(report) for number in range(len(row.findings)))
    if found := views.suspects(report):
        yield "### Training examples to look at"
        cells = [
            [
                inline(one.id),
                formats.loss(one.loss),
                *(inline(shortened(text, limit=200)) for text in (one.input, one.reference)),
            ]
            for one in found
        ]
        yield table(["Id", "Loss", "Input", "Answer"], cells, right=4)


def _row(report: Report, row: TriedTrial) -> list[str]:
    name = f"**trial {row.trial}** (chosen)" if row.chosen else f"trial {row.trial}"
    said = (views.sampled(report, row), row.ended, shortened(row.reason, limit=LONGEST))
    return [name, *map(inline, said)]


def _finding(row: TriedTrial, number: int) -> str:
    found = row.findings[number]
    change = f" ({inline(found.change)})" if found.change else ""
    said = (shortened(text, limit=LONGEST) for text in (found.evidence, found.remedy))
    return f"- Trial {row.trial}, {inline(named(found))}: {' '.join(map(inline, said))}{change}"
