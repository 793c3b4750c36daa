"""The report shows what the trials gained, forgot and cost: on the page and in Markdown, with the rule in words."""

import pytest
import report_parts as parts
import report_samples as samples
from report_reading import Page

from harness.records import Trial
from harness.report.document import Report
from harness.report.html import render_html
from harness.report.markdown import render_markdown
from harness.report.trade_offs import trade_offs
from harness.specs import SearchSpec


def trials() -> list[Trial]:
    """Of the four, each epoch forgets a tenth of a nat more than the one before; trial 1 more than is allowed."""
    found = []
    for trial in parts.four_trials():
        rise = 0.7 if trial.number == 1 else 0.0
        epochs = [
            epoch.model_copy(update={"probe": rise + epoch.epoch / 10, "probe_benchmarks": {"piqa": -0.042}})
            for epoch in trial.epochs
        ]
        stopped = "forgot too much in epoch 1: cross-entropy rose" if rise else ""
        found.append(trial.model_copy(update={"epochs": epochs, "stopped": stopped}))
    return found


def report(*objectives: str) -> Report:
    search = SearchSpec.model_validate({"objectives": ["metric", *objectives]})
    changed = {"trials": trials(), "objectives": ["metric", *objectives], "rule": "The champion is <the> best."}
    rows = trade_offs(trials(), search=search)
    return samples.fine_tune_report().model_copy(update=changed | {"trade_offs": rows})


def test_rows_are_of_the_best_epochs_with_front_limit_and_champion() -> None:
    rows = report("forgetting", "cost").trade_offs
    assert [row.trial for row in rows] == [0, 1, 2], "trial 3 failed"
    assert [row.forgetting for row in rows] == [pytest.approx(x) for x in (0.2, 0.8, 0.3)]
    assert [row.cost for row in rows] == [2 * 58_512, 58_512, 3 * 58_512]
    assert [(row.front, row.within, row.chosen) for row in rows] == [
        (True, True, False),
        (True, False, False),
        (True, True, True),
    ]
    assert [row.front for row in report("forgetting").trade_offs] == [True, False, True]
    assert not any(row.front for row in report().trade_offs)


def test_both_forms_hold_the_rule_and_every_number() -> None:
    shown = report("forgetting")
    markdown, page = render_markdown(shown), Page(render_html(shown))
    section = markdown.partition("## Trade-offs")[2].partition("\n## ")[0]
    assert "The champion is &lt;the&gt; best." in section
    for text in ("chosen, on the front", "forgot too much", "+0.300", "−4.2", "175,536"):
        assert text in section
        assert text in page.text
    assert "forgot too much in epoch 1" in markdown.partition("## The search")[2]
    assert "forgot too much in epoch 1" in page.text
    assert "against what was forgotten" in page.text


def test_with_one_objective_it_is_about_what_was_forgotten() -> None:
    markdown = render_markdown(report())
    assert "## What the trials forgot" in markdown
    assert "on the front" not in markdown


def test_a_search_that_probes_nothing_has_no_such_section() -> None:
    search = SearchSpec.model_validate({"forgets": {"cross_entropy": None, "accuracy": None}})
    assert trade_offs(trials(), search=search) == []
    plain = samples.fine_tune_report()
    assert "forgot" not in render_markdown(plain)
    assert 'id="trade-offs"' not in render_html(plain)
