"""Turn one parameter of a search into a small drawing: the validation score of each trial against its value."""

import math
from typing import NamedTuple

from markupsafe import Markup

from harness.report.formats import plain, points
from harness.report.search_rows import SearchedParameter, SearchView, TrialPoint
from harness.report.svg import Scale, element, picture, ticks
from harness.report.text import shortened

SLICE_HEIGHT = 170
TOP, BOTTOM = 12, 140
"""Where the highest and the lowest score lie, px."""
LEFT, RIGHT = 12.0, 94.0
"""Where the lowest and the highest value lie, percent."""
GAP = 22.0
"""Least distance between two labels under the axis, percent."""
SPREAD = 4
"""Points of one choice stand so far apart, px, in turns of five."""


class _Axis(NamedTuple):
    """Where the values of one parameter lie."""

    places: dict[str, float]
    """By the value as it is shown, percent; for choices."""
    scale: Scale
    logarithmic: bool

    def at(self, value: object) -> float:
        """Percent across."""
        if self.places:
            return self.places[plain(value)]
        assert isinstance(value, int | float)
        return self.scale.at(math.log10(value) if self.logarithmic else float(value))


def slice_plot(parameter: SearchedParameter, *, view: SearchView, metric: str) -> Markup:
    """The score against this parameter's value; all drawings of a search share the scale of the scores."""
    axis, down = _axis(parameter), _down(view)
    ordered = sorted(enumerate(parameter.points), key=lambda pair: pair[1].chosen)
    marks = [
        _mark(point, axis=axis, down=down, turn=turn, name=parameter.name, metric=metric) for turn, point in ordered
    ]
    return picture(
        *_scores(down),
        *_values(parameter, axis=axis),
        *marks,
        height=SLICE_HEIGHT,
        title=f"Validation {metric} against {parameter.name}{', log scale' if axis.logarithmic else ''}",
        description="; ".join(_spoken(point, name=parameter.name, metric=metric) for point in parameter.points),
        class_="plot slice",
    )


def importance_words(parameter: SearchedParameter) -> str:
    """`share 62 %, by chance up to 35 %`; empty where it is not known."""
    if parameter.share is None or parameter.chance is None:
        return ""
    return f"share {parameter.share:.0%}, by chance up to {parameter.chance:.0%}".replace("%", " %")


def _axis(parameter: SearchedParameter) -> _Axis:
    values = [point.value for point in parameter.points]
    if parameter.scale == "choice":
        names = list(dict.fromkeys(map(plain, sorted(values, key=_order))))
        step = (RIGHT - LEFT) / len(names)
        places = {name: round(LEFT + (place + 0.5) * step, 2) for place, name in enumerate(names)}
        return _Axis(places, Scale(0.0, 1.0), False)
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    logarithmic = parameter.scale == "log"
    ends = [math.log10(end) if logarithmic else end for end in (min(numbers), max(numbers))]
    return _Axis({}, Scale(ends[0], ends[1], LEFT, RIGHT), logarithmic)


def _order(value: object) -> tuple[bool, float, str]:
    """Numbers by size, then words."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return not number, float(value) if number else 0.0, plain(value)  # type: ignore[arg-type]


def _down(view: SearchView) -> Scale:
    scores = [point.score for parameter in view.parameters for point in parameter.points]
    pad = 0.06 * (max(scores) - min(scores)) or 0.01
    return Scale(min(scores) - pad, max(scores) + pad, float(BOTTOM), float(TOP))


def _scores(down: Scale) -> list[Markup]:
    rows = [
        [
            element("line", class_="grid", x1=0, x2="100%", y1=down.at(tick), y2=down.at(tick)),
            element("text", points(tick), class_="tick", x=0, y=round(down.at(tick) - 3, 2)),
        ]
        for tick in ticks(down.low, down.high, about=3)
    ]
    return [part for row in rows for part in row]


def _values(parameter: SearchedParameter, *, axis: _Axis) -> list[Markup]:
    """The axis, with as many labels as do not touch."""
    labels: list[Markup] = []
    taken: list[float] = []
    for place, text in _labels(parameter, axis=axis):
        if all(abs(place - other) >= GAP for other in taken) or len(axis.places) * GAP <= RIGHT - LEFT:
            taken.append(place)
            labels.append(element("text", text, class_="tick", x=f"{place}%", y=BOTTOM + 17, text_anchor="middle"))
    return [element("line", class_="zero", x1=0, x2="100%", y1=BOTTOM, y2=BOTTOM), *labels]


def _labels(parameter: SearchedParameter, *, axis: _Axis) -> list[tuple[float, str]]:
    """Places and texts, the ones to keep first: both ends, then what lies between."""
    if axis.places:
        found = [(place, shortened(name, limit=12)) for name, place in axis.places.items()]
        return [found[0], found[-1], *found[1:-1]]
    low, high = axis.scale.low, axis.scale.high
    if axis.logarithmic:
        decades = [float(power) for power in range(math.ceil(low), math.floor(high) + 1)]
        return [(axis.scale.at(power), f"{10**power:.2g}") for power in (low, high, *decades)]
    return [(axis.scale.at(value), f"{value:.3g}") for value in (low, high, *ticks(low, high, about=3))]


def _mark(point: TrialPoint, *, axis: _Axis, down: Scale, turn: int, name: str, metric: str) -> Markup:
    """A dot; a cross where the trial was pruned; a dot in a ring for the chosen one."""
    if point.pruned:
        shapes = [element("path", d="M-3.5,-3.5 L3.5,3.5 M-3.5,3.5 L3.5,-3.5", class_="end pruned")]
    else:
        shapes = [element("circle", r=4.5 if point.chosen else 3.5)]
    ring = [element("circle", class_="best", r=8)] if point.chosen else []
    aside = (turn % 5 - 2) * SPREAD if axis.places else 0
    inner = element("g", *shapes, *ring, transform=f"translate({aside} 0)")
    # A path knows no percentages; the inner svg carries it to its place.
    carried = element("svg", inner, x=f"{axis.at(point.value)}%", y=down.at(point.score), overflow="visible")
    spoken = element("title", _spoken(point, name=name, metric=metric))
    return element("g", spoken, carried, class_="mark chosen" if point.chosen else "mark")


def _spoken(point: TrialPoint, *, name: str, metric: str) -> str:
    ended = f"{', pruned' if point.pruned else ''}{', chosen' if point.chosen else ''}"
    value = shortened(plain(point.value), limit=60)
    return f"Trial {point.trial}{ended}: {name} {value}, {metric} {points(point.score)}"
