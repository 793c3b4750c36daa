"""Turn conditions, arms and benchmarks into small SVG drawings; shapes differ as well as colours."""

from collections.abc import Sequence

from markupsafe import Markup

from harness.report.document import Arm, Forgetting, GateCondition
from harness.report.formats import interval, points, signed
from harness.report.svg import Scale, element, finite, picture, ticks
from harness.report.views import is_floor

ROW = 44
"""Height of one forest row, px."""
BAR_ROW = 22
"""Height of one bar, px."""


def forest_axis(conditions: Sequence[GateCondition]) -> Markup:
    """The shared axis of all differences, in points."""
    peers = [condition for condition in conditions if not is_floor(condition)]
    if not peers:
        return Markup("")
    scale = _forest_scale(peers, floor=False)
    labels = [_label(scale, tick, signed(tick).removesuffix(".0"), y=12) for tick in _forest_ticks(scale)]
    return picture(*labels, height=16, title="Axis: tuned minus the other, in points", class_="plot axis")


def forest_row(condition: GateCondition, *, among: Sequence[GateCondition]) -> Markup:
    """One effect with its interval, the margin it had to exceed, and the side on which it would be proven."""
    floor = is_floor(condition)
    scale = _forest_scale([condition] if floor else [c for c in among if not is_floor(c)], floor=floor)
    middle, margin = ROW / 2, scale.across(condition.margin)
    wanted = f"{round(scale.end - scale.at(condition.margin), 2)}%"
    grid = [_vertical(scale, tick, "grid" if tick else "zero", y1=0, y2=ROW) for tick in _forest_ticks(scale)]
    return picture(
        element("rect", class_="wanted", x=margin, y=0, width=wanted, height=ROW),
        *([] if floor else grid),
        _vertical(scale, condition.margin, "margin", y1=0, y2=ROW),
        *_whisker(scale, condition.low, condition.high, y=middle, class_=condition.outcome),
        _point(condition, scale=scale, y=middle),
        *([_floor_label(condition, scale=scale)] if floor else []),
        height=ROW,
        title=_forest_title(condition),
    )


def champion_bar(arm: Arm, *, among: Sequence[Arm], metric: str) -> Markup:
    """The test score of one champion with its 95 % interval, from zero; empty where there is none.

    Its name and its score are text beside the drawing, which can wrap; text inside cannot.
    """
    score = _score(arm, metric=metric)
    if score is None:
        return Markup("")
    scale, middle = _bar_scale(among, metric=metric), BAR_ROW / 2
    return picture(
        *[_vertical(scale, tick, "grid" if tick else "zero", y1=0, y2=BAR_ROW) for tick in _bar_ticks(scale)],
        element("rect", x=0, y=middle - 7, width=scale.across(score), height=14),
        *_whisker(scale, arm.low, arm.high, y=middle, class_="spread"),
        height=BAR_ROW,
        title=f"{arm.arm}: {champion_score(arm, metric=metric)}",
    )


def bars_axis(arms: Sequence[Arm], *, metric: str) -> Markup:
    """The axis that the bars share, in points."""
    scale = _bar_scale(arms, metric=metric)
    labels = [_label(scale, tick, points(tick).removesuffix(".0"), y=12) for tick in _bar_ticks(scale)]
    return picture(*labels, height=16, title=f"Axis: {metric} on the test set, in points", class_="plot axis")


def champion_score(arm: Arm, *, metric: str) -> str:
    """What stands beside the bar: `44.2 [42.1, 46.4]`."""
    score = _score(arm, metric=metric)
    return "not scored on test" if score is None else f"{points(score)} {interval(arm.low, arm.high)}".strip()


def kept_bars(benchmark: Forgetting) -> Markup:
    """Accuracy before and after, from 0 to 100, with the lowest acceptable one."""
    scale = Scale(0.0, 1.0)
    base = element("rect", class_="base", x=0, y=9, width=scale.across(benchmark.base), height=10)
    tuned = element("rect", class_="tuned", x=0, y=23, width=scale.across(benchmark.tuned), height=10)
    return picture(
        _vertical(scale, 0.0, "zero", y1=4, y2=38),
        base,
        tuned,
        _vertical(scale, benchmark.base - benchmark.margin, "margin", y1=4, y2=38),
        height=42,
        title=f"{benchmark.benchmark}: base {points(benchmark.base)}, tuned {points(benchmark.tuned)}",
    )


def _score(arm: Arm, *, metric: str) -> float | None:
    """The test score, where it can be drawn."""
    return next(iter(finite(arm.test.get(metric) if arm.test else None)), None)


def _bar_scale(arms: Sequence[Arm], *, metric: str) -> Scale:
    """From zero to the first tick that no bar and no whisker passes."""
    tops = [value for arm in arms if arm.test for value in finite(arm.test.get(metric), arm.high)]
    top = max([*tops, 0.0]) or 1.0
    marks = ticks(0.0, top, about=5)
    return Scale(0.0, marks[-1] if marks[-1] >= top else marks[-1] + marks[1])


def _bar_ticks(scale: Scale) -> list[float]:
    return ticks(scale.low, scale.high, about=6)


def _whisker(scale: Scale, low: float | None, high: float | None, *, y: float, class_: str) -> list[Markup]:
    ends = finite(low, high)
    if len(ends) < 2:
        return []
    left, right = (scale.across(end) for end in ends)
    line = element("line", class_=f"whisker {class_}", x1=left, x2=right, y1=y, y2=y)
    caps = [_vertical(scale, end, f"whisker {class_}", y1=y - 4, y2=y + 4) for end in ends]
    return [line, *caps]


def _point(condition: GateCondition, *, scale: Scale, y: float) -> Markup:
    """A dot when proven, a square when ruled out, a ring when open."""
    place, class_ = scale.across(condition.effect), f"point {condition.outcome}"
    if condition.outcome == "fail":
        moved = "translate(-5.5 -5.5)"
        return element("rect", class_=class_, x=place, y=y, width=11, height=11, transform=moved)
    return element("circle", class_=class_, cx=place, cy=y, r=5.5)


def _forest_scale(peers: Sequence[GateCondition], *, floor: bool) -> Scale:
    ends = [value for c in peers for value in finite(c.low, c.high, c.effect, c.margin)] or [0.0]
    if not floor:
        ends.append(0.0)
    pad = 0.06 * (max(ends) - min(ends)) or 0.01
    return Scale(min(ends) - pad, max(ends) + pad)


def _forest_ticks(scale: Scale) -> list[float]:
    return ticks(scale.low, scale.high, about=4)


def _vertical(scale: Scale, value: float, class_: str, *, y1: float, y2: float) -> Markup:
    place = scale.across(value)
    return element("line", class_=class_, x1=place, x2=place, y1=y1, y2=y2)


def _label(scale: Scale, value: float, text: str, *, y: float) -> Markup:
    """A tick's label; those at the very edges lean inwards."""
    place = scale.at(value)
    lean = "start" if place < 6 else "end" if place > 94 else "middle"
    return element("text", text, class_="tick", x=f"{place}%", y=y, text_anchor=lean)


def _floor_label(condition: GateCondition, *, scale: Scale) -> Markup:
    """A floor lies on its own axis, so it carries its number."""
    place = scale.across(condition.margin)
    return element("text", points(condition.margin), class_="tick", x=place, y=ROW - 4, dx=4)


def _forest_title(condition: GateCondition) -> str:
    floor = is_floor(condition)
    effect = points(condition.effect) if floor else signed(condition.effect)
    margin = points(condition.margin) if floor else signed(condition.margin)
    spread = interval(condition.low, condition.high, sign=not floor)
    return f"Effect {effect}, 90 % interval {spread}, has to exceed {margin}: {condition.outcome}"
