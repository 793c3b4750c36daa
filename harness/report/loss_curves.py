"""Turn one trial's epochs into a drawing of its loss: in training and on validation, by epoch."""

from collections.abc import Mapping
from itertools import pairwise

from markupsafe import Markup

from harness.records import Trial
from harness.report.formats import loss, plain
from harness.report.svg import Scale, element, finite, picture, ticks

HEIGHT, TOP, BOTTOM = 200, 14, 162
"""Of the drawing, of the highest and of the lowest value, px."""


def loss_curves(trial: Trial) -> Markup:
    """Nothing where fewer than two epochs know their validation loss: two points make a line."""
    of_task = [epoch for epoch in trial.epochs if epoch.phase == "sft"]
    training = {epoch.epoch: value for epoch in of_task for value in finite(epoch.train_loss)}
    validation = {epoch.epoch: value for epoch in trial.epochs for value in finite(epoch.validation_loss)}
    if len(validation) < 2 or not training:
        return Markup("")
    every = [*training.values(), *validation.values()]
    pad = 0.06 * (max(every) - min(every)) or 0.01
    down = Scale(min(every) - pad, max(every) + pad, float(BOTTOM), float(TOP))
    across = Scale(1.0, float(max(validation)), 9.0, 97.0)
    return picture(
        *_grid(down, across=across, last=max(validation)),
        _line(training, down=down, across=across, class_="curve"),
        _line(validation, down=down, across=across, class_="curve chosen"),
        height=HEIGHT,
        title=f"Loss of trial {trial.number} by epoch",
        description=f"training: {_spoken(training)}; validation: {_spoken(validation)}",
    )


def _grid(down: Scale, *, across: Scale, last: int) -> list[Markup]:
    rows = [
        part
        for tick in ticks(down.low, down.high)
        for part in (
            element("line", class_="grid", x1=0, x2="100%", y1=down.at(tick), y2=down.at(tick)),
            element("text", plain(tick), class_="tick", x=0, y=round(down.at(tick) - 4, 2)),
        )
    ]
    epochs = sorted({max(1, round(tick)) for tick in ticks(1, last, about=8)} | {1, last})
    labels = [
        element("text", str(epoch), class_="tick", x=across.across(epoch), y=BOTTOM + 18, text_anchor="middle")
        for epoch in epochs
    ]
    base = element("line", class_="zero", x1=0, x2="100%", y1=BOTTOM, y2=BOTTOM)
    return [*rows, base, *labels, element("text", "epoch", class_="tick", x="49.5%", y=BOTTOM + 35)]


def _line(values: Mapping[int, float], *, down: Scale, across: Scale, class_: str) -> Markup:
    places = [(across.at(epoch), down.at(value)) for epoch, value in values.items()]
    lines = [element("line", x1=f"{x1}%", y1=y1, x2=f"{x2}%", y2=y2) for (x1, y1), (x2, y2) in pairwise(places)]
    dots = [element("circle", cx=f"{x}%", cy=y, r=2.5) for x, y in places]
    return element("g", *lines, *dots, class_=class_)


def _spoken(values: Mapping[int, float]) -> str:
    return ", ".join(f"epoch {epoch}: {loss(value)}" for epoch, value in values.items())
