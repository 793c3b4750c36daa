"""Packed training has the losses and the gradients of stock SFTTrainer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from tiny_model import save_tiny_model
from transformers import AutoModelForCausalLM, AutoTokenizer, MistralConfig, MistralForCausalLM, set_seed
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


@pytest.mark.parametrize(
    "limits",
    [{}, {"ROOM": 60}, {"ROOM": 1}, {"SCORES_BYTES": 0}],
    ids=["one row", "parts", "singles", "no scores held"],
)
@pytest.mark.parametrize("completion_only", [True, False])
def test_losses_and_gradients_are_those_of_stock_sft(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], completion_only: bool
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(completion_trainer, name, value)
    ours = _gradients(CompletionTrainer, folder, out=tmp_path, completion_only=completion_only)
    stock = _gradients(SFTTrainer, folder, out=tmp_path, completion_only=completion_only)
    torch.testing.assert_close(ours, stock, rtol=1e-4, atol=1e-6)


def test_a_training_in_small_batches_ends_with_the_weights_of_stock_sft(folder: Path, tmp_path: Path) -> None:
    ours = _trained(CompletionTrainer, folder, out=tmp_path)
    stock = _trained(SFTTrainer, folder, out=tmp_path)
    torch.testing.assert_close(ours, stock, rtol=1e-4, atol=1e-5)


def test_attention_that_a_mask_does_not_tell_is_left_to_trl() -> None:
    sizes = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    shape = dict.fromkeys(sizes, 8)
    for window, kind in ((4, SFTTrainer), (None, CompletionTrainer)):
        base = MistralForCausalLM(MistralConfig(sliding_window=window, num_key_value_heads=8, **shape))
        assert fitting_trainer(LanguageModel(base=base, tokenizer=None, active=base)) is kind


def _trained(kind: Any, folder: Path, *, out: Path) -> dict[str, torch.Tensor]:
    """Adapter, losses and gradient norms after two steps of two batches of two rows."""
    set_seed(0)
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    # Plain descent: Adam would blow a gradient that is zero but for rounding up to a whole step.
    more = {"gradient_accumulation_steps": 2, "num_train_epochs": 2, "logging_steps": 1, "optim": "sgd"}
    trainer = _trainer(kind, model, folder, out=out, per_device_train_batch_size=2, learning_rate=1.0, **more)
    trainer.train()
    log = [[entry["loss"], entry["grad_norm"]] for entry in trainer.state.log_history if "loss" in entry]
    weights = {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}
    return {"log": torch.tensor(log), "tokens": torch.tensor(trainer._total_train_tokens), **weights}


def _gradients(kind: Any, folder: Path, *, out: Path, completion_only: bool) -> dict[str, torch.Tensor]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    trainer = _trainer(
        kind, model, folder, out=out, per_device_train_batch_size=4, completion_only_loss=completion_only
    )
    batch = next(iter(trainer.get_train_dataloader()))
    loss = trainer.compute_loss(model, batch)
    loss.backward()
    return {"loss": loss.detach(), **{name: weight.grad for name, weight in model.named_parameters()}}


def _trainer(kind: Any, model: Any, folder: Path, *, out: Path, **more: Any) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    quiet = {"report_to": [], "save_strategy": "no", "disable_tqdm": True}
    arguments = SFTConfig(str(out), use_cpu=True, bf16=False, **quiet, **more)
    return kind(model=model, args=arguments, train_dataset=Dataset.from_list(ROWS), processing_class=tokenizer)
