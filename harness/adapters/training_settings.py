"""Turn a trial's parameters and settings into TRL's arguments, the optimiser and the learning-rate schedule."""

import math
from pathlib import Path
from typing import Any

from harness.methods import METHODS


def epoch_seed(inputs: dict[str, Any]) -> int:
    """A seed for this epoch, in the 32 bits that numpy allows."""
    return int(inputs["seed"] * 1000 + inputs["epoch"]) % 2**32


def arguments(inputs: dict[str, Any], *, micro: int, out: Path, pads: bool) -> Any:
    """TRL's arguments for an epoch of batches in passes of `micro` examples.

    `pads`: rows of a batch are filled up to the longest, so that those of a length go together.
    """
    import torch
    from trl import SFTConfig

    settings = inputs["settings"]
    return SFTConfig(
        output_dir=str(out),
        num_train_epochs=1,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=settings["batch_size"] // micro,
        learning_rate=inputs["params"]["learning_rate"],
        max_length=settings["max_length"],
        completion_only_loss=True,
        train_sampling_strategy="group_by_length" if pads else "random",
        seed=epoch_seed(inputs),
        save_strategy="no",
        report_to=[],
        logging_steps=1,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        # Weights of 32 bits are multiplied as the base's own would be; adapters choose for themselves.
        bf16=METHODS[inputs["method"]].kind == "whole" and inputs["model"]["dtype"] == "bfloat16",
        fp16=False,
        activation_checkpointing=False,
        dataloader_pin_memory=False,
        use_cpu=not torch.cuda.is_available(),
    )


def optimizer(tuned: Any, *, inputs: dict[str, Any]) -> Any:
    """AdamW over what is trained."""
    import torch

    weights = [parameter for parameter in tuned.parameters() if parameter.requires_grad]
    rate, decay = inputs["params"]["learning_rate"], inputs["settings"]["weight_decay"]
    return torch.optim.AdamW(weights, lr=rate, weight_decay=decay)


def schedule(optimizer: Any, *, inputs: dict[str, Any], examples: int) -> Any:
    """Cosine with warm-up over the whole training, set to the start of this epoch."""
    from transformers import get_cosine_schedule_with_warmup

    settings, params = inputs["settings"], inputs["params"]
    steps = math.ceil(examples / settings["batch_size"])
    total = steps * params["epochs"]
    done = steps * (inputs["epoch"] - 1)
    for group in optimizer.param_groups:
        group["initial_lr"] = params["learning_rate"]
    warmup = math.ceil(total * settings["warmup_ratio"])
    return get_cosine_schedule_with_warmup(optimizer, warmup, total, last_epoch=done - 1)
