"""What is shown while a run goes on: nothing that a gate will rest on."""

from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeWorld
from test_further import setup_of

from harness.cli.display import RunDisplay
from harness.estimate import Work
from harness.plan import Plan
from harness.steps import Step
from harness.store import Artifact


def shown(
    capsys: pytest.CaptureFixture[str],
    *,
    stage: str,
    summary: dict[str, Any],
    needs: dict[str, str] | None = None,
    title: str = "a step",
) -> str:
    """What is printed about a step that was done."""
    display = RunDisplay(lambda key: None, work=lambda plan: [], power=lambda plan: [])
    step = Step(stage, {"split": "test"}, title=title)
    display.started(step)
    display.finished(
        Artifact(step.key, stage, Path("nowhere"), step.inputs, needs=needs or {}, files={}, summary=summary)
    )
    return capsys.readouterr().err


def test_only_the_base_models_benchmark_score_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    score = {"acc": 0.625, "n": 786}
    assert "accuracy 0.625 on 786 items" in shown(capsys, stage="forgetting", summary=score)
    tuned = shown(capsys, stage="forgetting", summary=score, needs={"adapter": "train-1"})
    assert "✓ a step" in tuned
    assert "625" not in tuned


def test_test_scores_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert "625" not in shown(capsys, stage="score", summary={"mean": {"exact_match": 0.625}})


def test_a_title_is_shown_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, stage="train", title=":smile: [b]x[/b] \x1b[31m", summary={"train_loss": 1.0})
    assert "✓ :smile: [b]x[/b] ⟨U+001B⟩[31m" in text


def test_a_wait_is_told_with_the_step_that_waits(capsys: pytest.CaptureFixture[str]) -> None:
    display = RunDisplay(lambda key: None, work=lambda plan: [], power=lambda plan: [])
    display.started(Step("predict", {"split": "validation"}, title="try rented/plain"))
    display.waiting("no answer (busy); try 2 of 7 in 2 s")
    assert "… try rented/plain: no answer (busy); try 2 of 7 in 2 s" in capsys.readouterr().err


def test_the_time_left_is_estimated_once_all_that_is_learnt_besides_is_read(tmp_path: Path) -> None:
    """It is estimated once a run: of a plan that lacked the mixed examples it would lack them to the end."""
    seen: list[list[str]] = []

    def work(current: Plan) -> list[Work]:
        seen.append(list(current.further))
        return [Work("train", "training epochs", 4, 60.0)]

    setup, world = setup_of(tmp_path, "mix: {tasks: [mood]}"), FakeWorld(lambda step, world: 0.5)
    display = RunDisplay(world.find, work=work, power=lambda current: [])
    for _ in range(5):
        display.planned(world.reach(setup, goal="search", at_most=1))
    assert [step.stage for step in world.log[:3]] == ["data", "data", "further"]
    assert seen == [["mix:mood"]]
