"""Turn pairs of answers into an adapter that prefers the better ones, through TRL's DPOTrainer.

The reference is the model that DPO starts from: TRL keeps a frozen copy of the adapter as it is handed over. An epoch
that goes on from an earlier one is therefore handed the adapter that the first epoch was handed, and gets the weights
of the epoch before once the copy is made.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.adapters.language_model import LanguageModel

REFERENCE = "ref"
"""TRL's name for the copy."""
REWARDS = {"margin": "rewards/margins", "preferred": "rewards/accuracies"}
"""What is logged of a step over pairs, and TRL's name for it."""
SHARED = (
    *("output_dir", "num_train_epochs", "per_device_train_batch_size", "gradient_accumulation_steps"),
    *("learning_rate", "max_length", "seed", "save_strategy", "report_to", "logging_steps", "logging_nan_inf_filter"),
    *("disable_tqdm", "bf16", "fp16", "activation_checkpointing", "dataloader_pin_memory", "use_cpu"),
)
"""Arguments of supervised training that hold here too."""


def preference_trainer(
    tuned: Any,
    model: LanguageModel,
    *,
    dataset: Any,
    arguments: Any,
    beta: float,
    optimizer: Any,
    callbacks: list[Any],
    continued: Path | None,
) -> Any:
    """A trainer over rows of `prompt`, `chosen` and `rejected`; `tuned` is the reference as it is now.

    `continued` is the folder of the epoch before, where there is one. `arguments` are those of supervised training.
    """
    from trl import DPOConfig, DPOTrainer

    shared = {name: getattr(arguments, name) for name in SHARED}
    trainer = DPOTrainer(
        model=tuned,
        # TRL would switch dropout off in the base model for good; `without_dropout` does it for this epoch.
        args=DPOConfig(**shared, beta=beta, disable_dropout=False),
        train_dataset=dataset,
        processing_class=model.tokenizer,
        optimizers=(optimizer, None),
        callbacks=callbacks,
    )
    if continued is not None:
        tuned.load_adapter(str(continued), "default", is_trainable=True)
    return trainer


@contextmanager
def without_dropout(tuned: Any) -> Iterator[None]:
    """Policy and reference read alike; afterwards every dropout is what it was."""
    from torch.nn import Dropout

    found = {layer: layer.p for layer in tuned.modules() if isinstance(layer, Dropout)}
    try:
        for layer in found:
            layer.p = 0.0
        yield
    finally:
        for layer, share in found.items():
            layer.p = share


def cut_pairs(dataset: Any, *, longest: int) -> int:
    """Pairs of which an answer's end was cut."""
    return sum(
        len(row["prompt_ids"]) + max(len(row["chosen_ids"]), len(row["rejected_ids"])) > longest for row in dataset
    )
