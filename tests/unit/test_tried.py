"""Why a trial lost is one sentence with the numbers, and a trial stops when its own scores do."""

from pathlib import Path

import pytest
import report_samples as samples
from fake_world import FakeSampler, FakeWorld, fake_setup
from report_reading import Page, terminal
from workspace import make_workspace

from harness.diagnosis import Finding
from harness.loading import load_experiment
from harness.records import Epoch, Trial
from harness.report.epoch_table import epoch_table
from harness.report.html import render_html
from harness.report.losing import ended, lead_of, reason, why_pruned
from harness.report.markdown import render_markdown
from harness.steps import Step

OVER = Finding(rule="overfitting", epoch=3, evidence="e", remedy="r")
NOISE = Finding(rule="label_noise", evidence="e", remedy="r")
NAN = Finding(rule="divergence", epoch=1, evidence="e", remedy="r")


def trial(number: int, *scores: float, status: str = "complete", error: str = "") -> Trial:
    epochs = [Epoch(epoch=i, train_loss=1, tokens=1, validation={"m": s}) for i, s in enumerate(scores, start=1)]
    best = max(scores, default=None)
    return Trial(
        number=number,
        params={},
        status=status,  # type: ignore[arg-type]
        epochs=epochs,
        best_epoch=scores.index(best) + 1 if best is not None else None,
        value=best,
        error=error,
    )


BEST = trial(0, 0.5, 0.6)


def why(other: Trial, *found: Finding, ours: list[float] | None = None, pruned: str | None = None) -> str:
    theirs = [0.0] * len(ours or [])
    lead = lead_of(BEST, other, ours=ours or [], theirs=theirs)
    return reason(other, champion=BEST, lead=lead, found=found, pruned=pruned)


def test_the_reason_names_score_noise_and_illness() -> None:
    assert why(BEST) == "Chosen: 60.0 on validation at epoch 2, the best by the rule of the search."
    assert why(trial(1, 0.55)) == "5.0 points below trial 0."
    near = why(trial(1, 0.55, 0.5, 0.4), OVER, NOISE, ours=[1.0, 0.0] * 10)
    assert near == (
        "5.0 points below trial 0, within the noise of 20 validation items (±22.5); it shows overfitting from epoch 3."
    )
    assert "beyond the noise of 4 validation items (±0.0)" in why(trial(1, 0.55), ours=[0.05] * 4)
    assert why(trial(1, 0.6)) == "the same score, to a tenth of a point, as trial 0, which the rule prefers."


def test_the_reason_of_a_trial_that_failed_is_its_failure() -> None:
    broken = trial(1, status="failed", error="loss became nan at step 3: the learning rate is too high")
    assert why(broken, NAN) == "It diverged: loss became nan at step 3."
    assert why(trial(1, 0.2, status="failed", error="out of memory")) == "It failed: out of memory."


def test_a_pruned_trial_is_told_from_the_median_it_lay_below() -> None:
    before = [trial(0, 0.4, 0.5), trial(1, 0.6, 0.6), trial(2, 0.9, status="pruned")]
    pruned = trial(3, 0.45, status="pruned")
    said = why_pruned(pruned, before=before, pruner="median", metric="m")
    assert said == "5.0 points below the median of the trials before it at epoch 1"
    assert why(pruned, pruned=said) == f"Pruned: {said}; 15.0 points below trial 0."
    assert why_pruned(pruned, before=before, pruner="hyperband", metric="m") is None
    assert why_pruned(pruned, before=[], pruner="median", metric="m") is None
    assert why(pruned) == "Pruned: the pruner saw no chance for it; 15.0 points below trial 0."


def test_how_a_trial_ended() -> None:
    early = trial(1, 0.5, 0.4, 0.4).model_copy(update={"stopped_early": True})
    assert ended(early) == "stopped early after 3 epochs, the best was 1"
    assert ended(trial(1, 0.5)) == "complete, 1 epoch"
    assert ended(trial(1, 0.5, status="pruned")) == "pruned after 1 epoch"
    assert ended(trial(1, 0.5, status="failed")) == "failed in epoch 2"


class FiveEpochs(FakeSampler):
    """Trials of five epochs."""

    def suggested(self, *args: object, **kwargs: object) -> dict[str, object]:
        return super().suggested(*args, **kwargs) | {"epochs": 5}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("patience", "scores", "trained"),
    [
        ("null", [0.5, 0.4, 0.4, 0.4, 0.4], 5),
        ("1", [0.5, 0.6, 0.6, 0.9, 0.9], 3),
        ("2", [0.5, 0.4, 0.6, 0.6, 0.6], 5),
        ("2", [0.5, 0.5, 0.5, 0.9, 0.9], 3),
        ("1", [0.1, 0.2, 0.3, 0.4, 0.3], 5),
    ],
)
def test_a_trial_stops_after_so_many_epochs_without_a_better_score(
    tmp_path: Path, patience: str, scores: list[float], trained: int
) -> None:
    overrides = [f"search.early_stopping={patience}", "search.trials=1", "search.space.epochs=[5]"]
    setup = fake_setup(load_experiment(make_workspace(tmp_path), overrides=overrides), sampler=FiveEpochs())

    def planted(step: Step, world: FakeWorld) -> float:
        adapter = world.answers_of(step).needs.get("adapter")
        return scores[world.done[adapter].inputs["epoch"] - 1] if adapter else 0.1

    (tried,) = FakeWorld(planted).reach(setup, goal="search").trials
    assert len(tried.epochs) == trained
    assert (tried.status, tried.stopped_early) == ("complete", trained < 5)
    assert tried.best_epoch == scores.index(max(scores[:trained])) + 1


def test_early_stopping_trains_nothing_anew(tmp_path: Path) -> None:
    spec, world = make_workspace(tmp_path), FakeWorld(lambda step, world: 0.5)
    world.reach(fake_setup(load_experiment(spec)), goal="search")
    before = len(world.log)
    world.reach(fake_setup(load_experiment(spec, overrides=["search.early_stopping=1"])), goal="search")
    assert len(world.log) == before


def test_every_renderer_says_why_and_what_ails() -> None:
    report = samples.fine_tune_report()
    page, markdown = Page(render_html(report)).text, render_markdown(report).replace("\\", "")
    screen = " ".join(terminal(report).split())
    for row in report.tried:
        assert row.reason in page
        assert row.reason in markdown
        for found in row.findings:
            assert found.evidence in page
            assert found.remedy in markdown
    assert "divergence from epoch 2" in page
    assert "search.space.learning_rate: [1.9e-05, 0.00019]" in page
    assert "The bridge is closed, said the mayor." in page
    assert "Open bridge." in markdown
    assert "Diagnosis: trial 2 (chosen): label noise; trial 1: divergence from epoch 2." in screen
    assert "Best: trial 2 (rank 32, lr 0.00041, epoch 3 of 4), validation loss 2.120." in screen


def test_every_epoch_is_a_row_and_what_was_not_measured_has_no_column() -> None:
    report = samples.fine_tune_report()
    table = epoch_table(report)
    assert len(table.rows) == sum(len(one.epochs) for one in report.trials)
    assert table.heads == [
        *("rougeL", "train loss", "validation loss", "last rate", "gradient norm", "highest"),
        *("tokens/s", "peak GiB"),
    ]
    assert [row.epoch for row in epoch_table(report, only=2).rows if row.kept] == [3]
    assert table.rows[0].cells == ["38.7", "2.410", "2.120", "0.0004", "0.71", "1.9", "331.5", "3"]
    bare = report.model_copy(update={"timing": {}})
    assert "tokens/s" not in epoch_table(bare).heads
    assert "tokens/s" not in Page(render_html(bare)).text
    assert "Loss of trial 2 by epoch" in render_html(report)
