"""Turn trade-offs into a section of the Markdown report."""

from collections.abc import Iterator

from harness.report.document import Report
from harness.report.gfm import inline, table
from harness.report.trade_words import trade_cells, trade_heads, trade_title


def trade_section(report: Report) -> Iterator[str]:
    """The rule, and a row a trial; nothing where nothing was probed and the metric is the only objective."""
    if not report.trade_offs:
        return
    yield f"## {trade_title(report)}"
    yield inline(report.rule)
    rows = [[inline(cell) for cell in trade_cells(row, report=report)] for row in report.trade_offs]
    yield table([inline(head) for head in trade_heads(report)], rows, right=2)
