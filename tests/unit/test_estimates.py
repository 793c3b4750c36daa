"""A finished run shows how good its estimate was: steps, seconds, tokens and memory, kind by kind."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_world import FakeWorld, fake_setup
from report_reading import Page, terminal
from report_samples import bare_report, fine_tune_report
from test_plan import by_rank
from workspace import make_workspace

from harness.estimate import planned_work
from harness.loading import load_experiment
from harness.report.document import Report
from harness.report.estimate_table import estimate_table, estimate_words
from harness.report.estimates import Estimates, estimates
from harness.report.html import render_html
from harness.report.markdown import render_markdown

KINDS = ("prompt", "train", "tuned", "probe", "test", "forgetting")
PROMPTS = "6.3 GB (7.1 GB)"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return make_workspace(tmp_path)


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model takes long enough to be timed."""
    monkeypatch.setattr("harness.report.estimates.model_bytes", lambda folder: 10**9)


def outcome(spec: Path, world: FakeWorld) -> Estimates:
    """Of a run to the verdict in this world."""
    setup = fake_setup(load_experiment(spec))
    return estimates(setup, world.reach(setup), find=world.find)


def machine(world: FakeWorld, **provenance: int) -> None:
    """Give every artifact what its machine was found to have and to take."""
    for key, artifact in world.done.items():
        world.done[key] = replace(artifact, provenance={**artifact.provenance, **provenance})


def test_every_kind_of_work_has_its_estimate_and_its_outcome(spec: Path) -> None:
    found = outcome(spec, FakeWorld(by_rank))
    rows = {row.kind: row for row in found.rows}
    assert {kind: (row.expected_steps, row.steps) for kind, row in rows.items()} == {
        # Two trials of three epochs, about; the sampler chose two for each.
        "prompt": (4, 4),
        "train": (6, 4),
        "tuned": (6, 4),
        "probe": (7, 5),
        "test": (4, 4),
        "forgetting": (2, 2),
    }
    assert found.seconds == {kind: float(row.steps) for kind, row in rows.items()}
    assert (rows["train"].counted.trained, rows["tuned"].counted.read, rows["tuned"].counted.generated) == (400, 40, 20)
    assert rows["train"].expected.trained > rows["tuned"].expected.read > rows["tuned"].expected.generated > 0
    assert all(row.expected_seconds > 0 for row in found.rows)


def test_an_estimate_is_the_same_after_the_run_as_before_it(spec: Path) -> None:
    setup, world = fake_setup(load_experiment(spec)), FakeWorld(by_rank)
    begun = world.reach(setup, at_most=1)
    before = planned_work(setup, begun, weight_bytes=10**9)
    after = estimates(setup, world.reach(setup), find=world.find)
    assert [row.expected_seconds for row in after.rows] == [round(w.count * w.seconds, 1) for w in before if w.count]
    slow = FakeWorld(by_rank)
    slow.reach(setup)
    slow.done = {key: replace(artifact, seconds=90.0) for key, artifact in slow.done.items()}
    machine(slow, peak_bytes=10**9, memory_bytes=8 * 10**9)
    again = estimates(setup, slow.reach(setup), find=slow.find)
    assert again.rows == after.rows, "what the report holds besides clock and machine"
    assert again.seconds != after.seconds


def test_memory_is_expected_where_the_machine_is_on_record(spec: Path) -> None:
    setup, world = fake_setup(load_experiment(spec)), FakeWorld(by_rank)
    world.reach(setup)
    assert estimates(setup, world.reach(setup), find=world.find).memory == {}
    machine(world, peak_bytes=10**9)
    found = estimates(setup, world.reach(setup), find=world.find).memory
    assert found == {kind: {"peak_bytes": 10**9} for kind in KINDS}
    machine(world, memory_bytes=8 * 10**9)
    found = estimates(setup, world.reach(setup), find=world.find).memory
    assert 10**9 < found["train"]["expected_bytes"] < 1.1 * 10**9, "libraries and a model of a few numbers"
    machine(world, gpu_bytes=80 * 10**9, gpu_peak_bytes=2 * 10**9)
    found = estimates(setup, world.reach(setup), find=world.find).memory
    assert (found["train"]["peak_bytes"], found["train"]["expected_bytes"] < 0.6 * 10**9) == (2 * 10**9, True)


def test_the_table_has_both_numbers_and_dashes_where_there_are_none() -> None:
    assert dict(estimate_table(fine_tune_report()).rows) == {
        "prompts on validation": ["9 (9)", "2 min (3 min)", "624,960 (640,000)", "48,730 (52,000)", "–", PROMPTS],
        "training epochs": ["10 (14)", "22 min (27 min)", "–", "–", "702,144 (982,000)", "2.0 GB (2.3 GB)"],
        "forgetting benchmarks, base and tuned": ["4 (4)", "4 min (4 min)", "–", "–", "–", "0.89 GB"],
        "all": ["23 (27)", "28 min (34 min)", "624,960 (640,000)", "48,730 (52,000)", "702,144 (982,000)", PROMPTS],
    }


def test_every_form_of_the_report_shows_the_estimate() -> None:
    report = fine_tune_report()
    page, text, screen = Page(render_html(report)).text, render_markdown(report), " ".join(terminal(report).split())
    for words in ("22 min (27 min)", "702,144 (982,000)", "6.3 GB (7.1 GB)", "training epochs"):
        assert words in page
        assert words in text
    words = "took 28 min (34 min expected) and 6.3 GB (7.1 GB)"
    assert words in page
    assert f"{report.experiment} {words}" in screen


def test_a_report_from_before_there_were_estimates_shows_none() -> None:
    old = fine_tune_report().model_dump(mode="json")
    del old["estimates"], old["timing"]["work"], old["provenance"]["work"]
    report = Report.model_validate(old)
    assert estimate_words(report) == ""
    for output in (Page(render_html(report)).text, render_markdown(report), terminal(report)):
        assert "Estimate and outcome" not in output
        assert "expected)" not in output


def test_without_its_clock_and_its_machine_a_report_shows_what_was_expected() -> None:
    report = fine_tune_report().model_copy(update={"timing": {}, "provenance": {}})
    assert dict(estimate_table(report).rows)["training epochs"][1::4] == ["– (27 min)", "–"]
    assert estimate_words(report) == "took – (34 min expected)"
    assert estimate_table(bare_report()).rows == []
