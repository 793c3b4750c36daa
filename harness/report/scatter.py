"""Turn trade-offs into a drawing: what a trial forgot goes across, the metric down; better is up and to the left."""

from collections.abc import Sequence

from markupsafe import Markup

from harness.report.formats import points
from harness.report.svg import Scale, element, finite, picture, ticks
from harness.report.trade_rows import TradeOff
from harness.report.trade_words import nats, trade_mark

HEIGHT = 260
TOP, BOTTOM = 14, 222
"""Where the highest and the lowest metric lie, px."""


def trade_scatter(rows: Sequence[TradeOff], *, metric: str, limit: float | None) -> Markup:
    """A mark a trial: filled on the front, ringed if chosen, crossed if it forgot too much; `limit` is dashed.

    Empty where fewer than two trials were probed.
    """
    drawn = [row for row in rows if finite(row.forgetting) and finite(row.metric)]
    if len(drawn) < 2:
        return Markup("")
    across = _scale([row.forgetting or 0.0 for row in drawn] + [0.0], start=9.0, end=92.0)
    down = _scale([row.metric for row in drawn], start=float(BOTTOM), end=float(TOP))
    return picture(
        *_grid(across, down),
        *_limit(limit, across=across),
        *[_mark(row, across=across, down=down) for row in sorted(drawn, key=lambda row: row.chosen)],
        height=HEIGHT,
        title=f"Validation {metric} against what was forgotten",
        description="; ".join(map(_spoken, drawn)),
    )


def _scale(values: Sequence[float], *, start: float, end: float) -> Scale:
    pad = 0.06 * (max(values) - min(values)) or 0.01
    return Scale(min(values) - pad, max(values) + pad, start, end)


def _grid(across: Scale, down: Scale) -> list[Markup]:
    rows = [
        part
        for tick in ticks(down.low, down.high, about=4)
        for part in (
            element("line", class_="grid", x1=0, x2="100%", y1=down.at(tick), y2=down.at(tick)),
            element("text", points(tick), class_="tick", x=0, y=round(down.at(tick) - 4, 2)),
        )
    ]
    labels = [
        element("text", nats(tick), class_="tick", x=across.across(tick), y=BOTTOM + 18, text_anchor="middle")
        for tick in ticks(across.low, across.high, about=6)
    ]
    name = element("text", "nats a token more", class_="tick", x="50%", y=BOTTOM + 34, text_anchor="middle")
    return [*rows, element("line", class_="zero", x1=0, x2="100%", y1=BOTTOM, y2=BOTTOM), *labels, name]


def _limit(limit: float | None, *, across: Scale) -> list[Markup]:
    if limit is None or not across.low <= limit <= across.high:
        return []
    place = across.across(limit)
    return [element("line", class_="reference", x1=place, x2=place, y1=TOP, y2=BOTTOM)]


def _mark(row: TradeOff, *, across: Scale, down: Scale) -> Markup:
    x, y = across.across(row.forgetting or 0.0), down.at(row.metric)
    dot = element("circle", class_="full" if row.front else "open", cx=x, cy=y, r=4.5)
    if not row.within:
        # A path knows no percentages; the inner svg carries it to its place.
        cross = element("path", d="M-4,-4 L4,4 M-4,4 L4,-4", class_="end pruned")
        dot = element("svg", cross, x=x, y=y, overflow="visible")
    ring = [element("circle", class_="best", cx=x, cy=y, r=8)] if row.chosen else []
    label = element("text", str(row.trial), class_="label chosen" if row.chosen else "label", x=x, y=y + 4, dx=11)
    return element("g", element("title", _spoken(row)), dot, *ring, label, class_="trade")


def _spoken(row: TradeOff) -> str:
    mark = trade_mark(row)
    return f"Trial {row.trial}{f', {mark}' if mark else ''}: {points(row.metric)}, {nats(row.forgetting)} nats a token"
