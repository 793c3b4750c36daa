"""Packed training has the losses and the gradients of stock SFTTrainer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from tiny_model import save_tiny_model
from transformers import AutoModelForCausalLM, AutoTokenizer, MistralConfig, MistralForCausalLM
from trl import SFTConfig, SFTTrainer

from harness.adapters import completion_trainer
from harness.adapters.completion_trainer import CompletionTrainer, fitting_trainer
from harness.adapters.language_model import LanguageModel

ROWS = [
    {"prompt": "Shorten the sentence and keep what it says, in one line of plain words: " + text, "completion": short}
    for text, short in [
        ("the minister said on tuesday that the trains would enter service", " trains enter service"),
        ("nobody was surprised", " no surprise"),
        ("the opposition asked for an inquiry into who had known of it, and when", " an inquiry is asked for by all"),
        ("it rained", " rain"),
    ]
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny")
    save_tiny_model(made, width=32, context=256)
    return made


@pytest.mark.parametrize("room", [1024, 60], ids=["in one row", "in parts"])
@pytest.mark.parametrize("completion_only", [True, False])
def test_losses_and_gradients_are_those_of_stock_sft(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, completion_only: bool
) -> None:
    monkeypatch.setattr(completion_trainer, "ROOM", room)
    ours = _gradients(CompletionTrainer, folder, out=tmp_path, completion_only=completion_only)
    stock = _gradients(SFTTrainer, folder, out=tmp_path, completion_only=completion_only)
    torch.testing.assert_close(ours, stock, rtol=1e-4, atol=1e-6)


def test_attention_that_a_mask_does_not_tell_is_left_to_trl() -> None:
    sizes = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    shape = dict.fromkeys(sizes, 8)
    for window, kind in ((4, SFTTrainer), (None, CompletionTrainer)):
        base = MistralForCausalLM(MistralConfig(sliding_window=window, num_key_value_heads=8, **shape))
        assert fitting_trainer(LanguageModel(base=base, tokenizer=None, active=base)) is kind


def _gradients(kind: Any, folder: Path, *, out: Path, completion_only: bool) -> dict[str, torch.Tensor]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    arguments = SFTConfig(
        str(out),
        per_device_train_batch_size=4,
        use_cpu=True,
        report_to=[],
        bf16=False,
        completion_only_loss=completion_only,
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    trainer = kind(model=model, args=arguments, train_dataset=Dataset.from_list(ROWS), processing_class=tokenizer)
    batch = next(iter(trainer.get_train_dataloader()))
    loss = trainer.compute_loss(model, batch)
    loss.backward()
    return {"loss": loss.detach(), **{name: weight.grad for name, weight in model.named_parameters()}}
