"""Turn the parameters of each search into Markdown tables."""

from collections.abc import Iterator

from harness.report import formats
from harness.report.document import Report
from harness.report.gfm import inline, name, table
from harness.report.search_rows import SearchedParameter, SearchView
from harness.report.text import shortened

LONGEST = 60
"""Characters of one value."""


def searched_parameters(report: Report) -> Iterator[str]:
    """A table for each search: what was tried, what scored best, and how much it mattered."""
    for view in report.searches:
        whose = "" if view.search == "tuned" else f" in the search for a prompt, {name(view.search)}"
        yield f"### What each parameter did{whose}"
        heads = ["Parameter", "Best trial had", "Worst trial had", "Values", "Share", "By chance up to"]
        yield table(heads, (_row(parameter) for parameter in view.parameters), right=3)
        yield _remark(view)


def _row(parameter: SearchedParameter) -> list[str]:
    ordered = sorted(parameter.points, key=lambda point: point.score)
    best, worst = ordered[-1], ordered[0]
    return [
        inline(parameter.name),
        _value(best.value),
        _value(worst.value),
        formats.count(len({formats.plain(point.value) for point in parameter.points})),
        _share(parameter.share),
        _share(parameter.chance),
    ]


def _value(value: object) -> str:
    return inline(shortened(formats.plain(value), limit=LONGEST))


def _share(share: float | None) -> str:
    return formats.NOTHING if share is None else f"{share:.0%}".replace("%", " %")


def _remark(view: SearchView) -> str:
    return f"On validation. {inline(view.remark)}"
