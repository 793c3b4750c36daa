"""Searches on the real sample model and real data: a broken trial, QLoRA, and Ctrl-C."""

import json
import os
import signal
from pathlib import Path

import pytest
from small_run import SLOW_ON_SAMPLE, run, small_workspace, start

pytestmark = SLOW_ON_SAMPLE


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return small_workspace(tmp_path)


def test_a_trial_that_diverges_is_recorded_and_the_search_goes_on(workspace: Path) -> None:
    """A learning rate of 1e30 makes the loss non-finite; the search ends with that trial on record."""
    overrides = ["search.space.learning_rate=[1e30, 1e30]", "search.trials=1", "search.space.epochs=[2]"]
    settings = [word for override in overrides for word in ("--set", override)]
    code, out, err = run(workspace, "search", "experiments/small.yaml", "--json", *settings)
    assert code == 0, err
    (trial,) = json.loads(out)["trials"]
    assert trial["status"] == "failed"
    assert "learning rate is too high" in trial["error"]
    code, out, err = run(workspace, "run", "experiments/small.yaml", *settings)
    assert code == 4, err
    assert "no trial of the search finished" in " ".join(out.split())
    assert not (workspace / ".harness" / "ledger.jsonl").exists(), "no test item was needed, so none is spent"


def test_qlora_trains_and_changes_the_answers(workspace: Path) -> None:
    from harness.jsonl import read_rows
    from harness.store import Store

    overrides = [
        "search.method=qlora",
        "search.trials=1",
        "search.space.epochs=[1]",
        "search.space.learning_rate=[2e-3, 2e-3]",
    ]
    settings = [word for override in overrides for word in ("--set", override)]
    code, out, err = run(workspace, "search", "experiments/small.yaml", "--json", *settings)
    assert code == 0, err
    assert json.loads(out)["trials"][0]["status"] == "complete"
    answered = [artifact for artifact in Store(workspace / ".harness" / "store").every() if artifact.stage == "predict"]
    plain = next(
        one for one in answered if one.inputs.get("prompt", {}).get("shots") == 0 and "adapter" not in one.needs
    )
    tuned = next(one for one in answered if "adapter" in one.needs)
    assert tuned.inputs["model"]["quantization"] == "nf4"
    texts = [[row["text"] for row in read_rows(one.path / "predictions.jsonl")] for one in (plain, tuned)]
    assert sum(a != b for a, b in zip(*texts, strict=True)) > len(texts[0]) / 2


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(workspace: Path) -> None:
    process = start(workspace, "baselines", "experiments/small.yaml")
    assert process.stderr is not None
    for line in process.stderr:
        if "zero_shot" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in err
    code, out, _ = run(workspace, "baselines", "experiments/small.yaml", "--json")
    assert code == 0
    assert {row["arm"] for row in json.loads(out)["baselines"]} >= {"zero_shot/plain", "few_shot/three_shots"}
