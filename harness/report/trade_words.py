"""Turn trade-offs into the words and cells that both the page and the Markdown show."""

from collections.abc import Sequence

from harness.report import formats
from harness.report.document import Report
from harness.report.trade_rows import TradeOff


def trade_title(report: Report) -> str:
    """The section's name."""
    return "Trade-offs" if several_objectives(report) else "What the trials forgot"


def several_objectives(report: Report) -> bool:
    """Whether the search looked for more than the metric."""
    return len(report.objectives) > 1


def trade_heads(report: Report) -> list[str]:
    """The table's heads; the first two are words."""
    heads = ["Trial", "Mark", "Validation", "General text, nats a token", *probed_benchmarks(report.trade_offs)]
    return [*heads, "Tokens trained on"]


def trade_cells(row: TradeOff, *, report: Report) -> list[str]:
    """One row under `trade_heads`."""
    changes = [row.benchmarks.get(name) for name in probed_benchmarks(report.trade_offs)]
    return [
        str(row.trial),
        trade_mark(row),
        formats.points(row.metric),
        nats(row.forgetting),
        *(formats.NOTHING if change is None else formats.signed(change) for change in changes),
        formats.count(row.cost),
    ]


def probed_benchmarks(rows: Sequence[TradeOff]) -> list[str]:
    """Every benchmark of which a few items were asked."""
    return list(dict.fromkeys(name for row in rows for name in row.benchmarks))


def trade_mark(row: TradeOff) -> str:
    """What is to be said of a trial."""
    marks = {"chosen": row.chosen, "on the front": row.front, "forgot too much": not row.within}
    return ", ".join(words for words, holds in marks.items() if holds)


def nats(rise: float | None) -> str:
    """0.0312 as `+0.031`, with a real minus sign; absent as a dash."""
    return formats.NOTHING if rise is None else f"{rise:+.3f}".replace("-", formats.MINUS)
