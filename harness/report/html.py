"""Turn a `Report` into one HTML file that loads nothing: no script, font, image or style from elsewhere."""

import re
from functools import cache
from types import ModuleType
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report import (
    curves,
    effort_table,
    epoch_table,
    estimate_table,
    formats,
    losing,
    loss_curves,
    plots,
    prompt_facts,
    scatter,
    slice_plots,
    text,
    trade_words,
    views,
)
from harness.report.document import Report

LONGEST = 2_000
"""Characters of one answer that are shown."""


def render_html(report: Report) -> str:
    """The report as a page; every text of the report is shown as text, whatever it holds."""
    return _environment().get_template("report.html.j2").render(report=report)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for module in (
        *(curves, effort_table, epoch_table, estimate_table, formats, losing, loss_curves),
        *(plots, prompt_facts, scatter, slice_plots, text, trade_words, views),
    ):
        environment.globals |= _public(module)
    environment.globals["LONGEST"] = LONGEST
    environment.filters["breakable"] = _breakable
    return environment


def _public(module: ModuleType) -> dict[str, Any]:
    """What the module itself defines for others."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", module.__name__) == module.__name__
    }


def _breakable(name: str) -> Markup:
    """A name that may wrap after each `/` and `_`, which is where people join its words."""
    return Markup("<wbr>").join(re.split(r"(?<=[/_])", text.visible(name)))


def _shown(value: Any) -> Any:
    """The last stop before escaping: text that is not our own markup shows its hidden characters."""
    return text.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
