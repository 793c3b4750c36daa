"""Turn plain values into escaped SVG: across in percent, so that text keeps its size on a narrow screen."""

import math
from typing import NamedTuple

from markupsafe import Markup, escape

from harness.report.text import one_line


class Scale(NamedTuple):
    """Where values lie across (percent) or down (pixels) a plot."""

    low: float
    """Value at `start`."""
    high: float
    """Value at `end`."""
    start: float = 0.0
    """Place of `low`."""
    end: float = 100.0
    """Place of `high`."""

    def at(self, value: float) -> float:
        """The place of `value`, kept inside the plot."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 2)

    def across(self, value: float) -> str:
        """The place as a percentage."""
        return f"{self.at(value)}%"


def element(name: str, *children: str, **attributes: object) -> Markup:
    """One SVG element; text is escaped, `class_` and `stroke_width` lose and change their underscores."""
    pairs = [(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items()]
    written = Markup("").join(Markup(' {}="{}"').format(key, _text(value)) for key, value in pairs)
    inner = Markup("").join(_text(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(name, written, inner)


def picture(*children: str, height: int, title: str, description: str = "", class_: str = "plot") -> Markup:
    """A whole drawing, as wide as its place, with a name that a screen reader says."""
    described = [element("desc", description)] if description else []
    head = [element("title", title), *described]
    return element("svg", *head, *children, class_=class_, width="100%", height=height, role="img")


def ticks(low: float, high: float, *, about: int = 4) -> list[float]:
    """Round values from `low` to `high`, near `about` of them, in steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if not span > 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next((s * power for s in (1, 2, 5) if span / (s * power) <= about), 10 * power)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def finite(*values: float | None) -> list[float]:
    """The values that can be drawn."""
    return [value for value in values if value is not None and math.isfinite(value)]


def _text(value: object) -> Markup:
    return value if isinstance(value, Markup) else escape(one_line(str(value)))
