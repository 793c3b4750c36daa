"""Turn trials into learning curves: the validation metric by epoch, the chosen trial in front."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from harness.records import Trial
from harness.report.formats import points
from harness.report.svg import Scale, element, finite, picture, ticks

HEIGHT = 300
TOP, BOTTOM = 14, 262
"""Where the highest and the lowest value lie, px."""
LABELLED = 10
"""More trials than this are labelled by the chosen one only; the table and the tooltips name the others."""
LABEL_GAP = 13
"""Least distance between two labels, px."""


class _Curve(NamedTuple):
    """One trial's drawable epochs."""

    trial: Trial
    places: list[tuple[float, float]]
    """Percent across and pixels down, per epoch."""
    chosen: bool


def learning_curves(
    trials: Sequence[Trial], *, metric: str, chosen: int | None, reference: float | None = None
) -> Markup:
    """`metric` by epoch for each trial; `reference` is the best prompt's validation score, dashed."""
    values = [value for trial in trials for value in _values(trial, metric=metric).values()]
    if not values:
        return Markup("")
    down = _down([*values, *finite(reference)])
    last = max(epoch for trial in trials for epoch in _values(trial, metric=metric))
    across = Scale(1.0, float(last), 9.0, 90.0)
    curves = [_curve(t, metric=metric, across=across, down=down, chosen=t.number == chosen) for t in trials]
    ordered = sorted((curve for curve in curves if curve.places), key=lambda curve: curve.chosen)
    return picture(
        *_grid(down, across, last=last),
        *_reference(reference, down=down),
        *[_drawn(curve, metric=metric) for curve in ordered],
        *_labels(ordered),
        height=HEIGHT,
        title=f"Validation {metric} by epoch",
        description="; ".join(_spoken(curve.trial, metric=metric) for curve in curves),
    )


def _values(trial: Trial, *, metric: str) -> dict[int, float]:
    """Epoch to score, without what cannot be drawn."""
    return {e.epoch: value for e in trial.epochs for value in finite(e.validation.get(metric))}


def _down(values: Sequence[float]) -> Scale:
    pad = 0.06 * (max(values) - min(values)) or 0.01
    return Scale(min(values) - pad, max(values) + pad, float(BOTTOM), float(TOP))


def _curve(trial: Trial, *, metric: str, across: Scale, down: Scale, chosen: bool) -> _Curve:
    places = [(across.at(epoch), down.at(value)) for epoch, value in _values(trial, metric=metric).items()]
    return _Curve(trial, places, chosen)


def _grid(down: Scale, across: Scale, *, last: int) -> list[Markup]:
    rows = [
        [
            element("line", class_="grid", x1=0, x2="100%", y1=down.at(tick), y2=down.at(tick)),
            element("text", points(tick), class_="tick", x=0, y=round(down.at(tick) - 4, 2)),
        ]
        for tick in ticks(down.low, down.high, about=5)
    ]
    epochs = sorted({max(1, round(tick)) for tick in ticks(1, last, about=8)} | {1, last})
    labels = [
        element("text", str(epoch), class_="tick", x=across.across(epoch), y=BOTTOM + 18, text_anchor="middle")
        for epoch in epochs
    ]
    name = element("text", "epoch", class_="tick", x="49.5%", y=BOTTOM + 35, text_anchor="middle")
    base = element("line", class_="zero", x1=0, x2="100%", y1=BOTTOM, y2=BOTTOM)
    return [part for row in rows for part in row] + [base, *labels, name]


def _reference(value: float | None, *, down: Scale) -> list[Markup]:
    if not finite(value) or value is None:
        return []
    y = down.at(value)
    return [element("line", class_="reference", x1=0, x2="100%", y1=y, y2=y)]


def _drawn(curve: _Curve, *, metric: str) -> Markup:
    steps = zip(curve.places, curve.places[1:], strict=False)
    lines = [element("line", x1=f"{x1}%", y1=y1, x2=f"{x2}%", y2=y2) for (x1, y1), (x2, y2) in steps]
    ended = curve.trial.status in ("pruned", "failed")
    dots = [element("circle", cx=f"{x}%", cy=y, r=4 if curve.chosen else 2.5) for x, y in curve.places]
    class_ = f"curve {curve.trial.status}{' chosen' if curve.chosen else ''}"
    parts = [*lines, *(dots[:-1] if ended else dots), *([_ending(curve)] if ended else []), *_ring(curve)]
    return element("g", element("title", _spoken(curve.trial, metric=metric)), *parts, class_=class_)


def _ending(curve: _Curve) -> Markup:
    """A cross where a trial was pruned, a triangle where it failed."""
    x, y = curve.places[-1]
    shape = "M-4,-4 L4,4 M-4,4 L4,-4" if curve.trial.status == "pruned" else "M0,-5.5 L5.5,4.5 L-5.5,4.5 Z"
    # A path knows no percentages; the inner svg carries it to its place.
    mark = element("path", d=shape, class_=f"end {curve.trial.status}")
    return element("svg", mark, x=f"{x}%", y=y, overflow="visible")


def _ring(curve: _Curve) -> list[Markup]:
    """Around the epoch that was kept of the chosen trial."""
    best = curve.trial.best_epoch
    if not curve.chosen or best is None or not 1 <= best <= len(curve.places):
        return []
    x, y = curve.places[best - 1]
    return [element("circle", class_="best", cx=f"{x}%", cy=y, r=8)]


def _labels(curves: Sequence[_Curve]) -> list[Markup]:
    """The number of each trial at its last epoch, moved down where two would touch."""
    wanted = [curve for curve in curves if curve.chosen or len(curves) <= LABELLED]
    taken: list[tuple[float, float]] = []
    labels = []
    for curve in sorted(wanted, key=lambda curve: curve.places[-1][1]):
        x, y = curve.places[-1]
        near = [other for place, other in taken if abs(place - x) < 8]
        y = max([y, *(other + LABEL_GAP for other in near)])
        taken.append((x, y))
        class_ = "label chosen" if curve.chosen else "label"
        labels.append(element("text", f"{curve.trial.number}", class_=class_, x=f"{x}%", y=y + 4, dx=12))
    return labels


def _spoken(trial: Trial, *, metric: str) -> str:
    epochs = ", ".join(f"{epoch}: {points(value)}" for epoch, value in _values(trial, metric=metric).items())
    return f"Trial {trial.number}, {trial.status}, by epoch: {epochs or 'none finished'}"
