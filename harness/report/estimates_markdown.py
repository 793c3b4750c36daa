"""Turn the estimate of a report into Markdown: one row for each kind of work."""

from collections.abc import Iterator

from harness.report.document import Report
from harness.report.estimate_table import ESTIMATED, estimate_table
from harness.report.gfm import inline, table


def estimates(report: Report) -> Iterator[str]:
    """Nothing of a report that did not estimate."""
    found = estimate_table(report)
    if found.rows:
        yield "### Estimate and outcome"
        heads = ["Work", *(head.capitalize() for head in found.heads)]
        yield table(heads, ([inline(title), *cells] for title, cells in found.rows), right=1)
        yield f"- {ESTIMATED}"
