"""Between planned looks a report shows the verdict and no test score."""

from dataclasses import replace
from pathlib import Path

import pytest
import report_samples as samples
from fake_world import FakeWorld, fake_setup
from report_reading import Page, terminal
from workspace import make_workspace

from harness.ledger import Ledger
from harness.loading import load_experiment
from harness.plan import Plan
from harness.plan.certify import opening_in
from harness.report.html import render_html
from harness.report.markdown import render_markdown
from harness.report.seal import looks_left, with_verdict_alone, without_test_scores


def finished(folder: Path, *, looks: int) -> tuple[Plan, Ledger]:
    spec = make_workspace(folder)
    setup = fake_setup(load_experiment(spec, overrides=[f"gates.planned_looks={looks}"]))
    return FakeWorld(lambda step, world: 0.5).reach(setup), setup.ledger


@pytest.mark.parametrize(("looks", "prior", "left"), [(1, 0, 0), (3, 0, 2), (3, 1, 1), (3, 2, 0), (3, 5, 0)])
def test_looks_are_counted_down(tmp_path: Path, looks: int, prior: int, left: int) -> None:
    plan, ledger = finished(tmp_path, looks=looks)
    assert plan.judgement is not None
    inputs = {**plan.judgement.inputs, "prior_uses_of_test_set": prior}
    assert looks_left(replace(plan, judgement=replace(plan.judgement, inputs=inputs)), ledger=ledger) == left


def test_the_report_of_an_early_look_opens_after_the_last(tmp_path: Path) -> None:
    plan, ledger = finished(tmp_path, looks=2)
    first = opening_in(plan)
    assert first is not None
    assert looks_left(plan, ledger=ledger) == 1
    ledger.open(first)
    assert looks_left(plan, ledger=ledger) == 1
    ledger.open(replace(first, id="lock-second"))
    assert looks_left(plan, ledger=ledger) == 0


def test_nothing_that_met_the_test_set_is_left(tmp_path: Path) -> None:
    plan, ledger = finished(tmp_path, looks=2)
    assert looks_left(plan, ledger=ledger) == 1
    hidden = without_test_scores(plan)
    assert plan.tested
    assert plan.tuned
    assert plan.forgetting
    assert (hidden.tested, hidden.tuned, hidden.forgetting, hidden.judgement) == ({}, None, {}, None)
    assert hidden.baselines == plan.baselines
    assert hidden.trials == plan.trials


def test_the_verdict_stands_alone() -> None:
    report = with_verdict_alone(samples.bare_report(), verdict="PROMPT", left=2)
    assert report.verdict == "PROMPT"
    assert report.reasons == ["2 more verdicts are planned on these test items; scores stay sealed until the last."]
    assert "nothing else is shown" in report.headline
    for output in (Page(render_html(report)).text, render_markdown(report), terminal(report)):
        assert "Sealed until the last planned verdict" in output
        assert "no tuned model to judge" not in output
