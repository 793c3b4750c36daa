"""Turn an epoch that was trained into what else is known of it: losses of its examples, and on validation.

Nothing here changes what is trained: it looks once the last step is done, without dropout and without gradients.
"""

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn.functional import cross_entropy

from harness.adapters.completion_trainer import (
    CompletionTrainer,
    Lane,
    lane_key,
    lane_losses,
    learnt_places,
    parts,
    token_losses,
)
from harness.errors import TrainingFailed


class EpochMeasures(NamedTuple):
    """What one epoch is known by besides its weights."""

    validation_loss: float | None
    """Mean negative log-likelihood of the references' tokens after the epoch, nats; None where no example fits."""
    losses: list[dict[str, Any]]
    """`id` and `loss` of each training example, in the order of training."""
    seconds: float
    """That training took, without loading and validation."""


def measures(trainer: Any, *, seconds: float) -> EpochMeasures:
    """Of an epoch whose last step is done."""
    trainer.model.eval()
    return EpochMeasures(_validation_loss(trainer), _example_losses(trainer), seconds)


def _validation_loss(trainer: Any) -> float | None:
    """Over tokens, not examples, as the training loss is."""
    if trainer.eval_dataset is None or not len(trainer.eval_dataset):
        return None
    found = torch.cat(list(_scored(trainer, _lanes(trainer.eval_dataset))))
    loss = float(found.double().mean())
    if not math.isfinite(loss):
        raise TrainingFailed(f"validation loss became {loss} after the epoch: the learning rate is too high")
    return round(loss, 6)


def _example_losses(trainer: Any) -> list[dict[str, Any]]:
    """Taken from the training steps, for two reasons: it costs nothing, and a wrong answer is not yet learnt by heart.

    A step's loss is that of the weights before it, so within an epoch it falls along the way; the order is kept.
    Where TRL trains a model by itself, its steps tell no examples apart, and all are read once more.
    """
    if "labels" not in trainer.train_dataset.column_names:
        return []  # Pairs of answers have a loss of another kind.
    examples = _lanes(trainer.train_dataset)
    ids: dict[int, deque[str]] = defaultdict(deque)
    for name, example in zip(_names(trainer.train_dataset), examples, strict=True):
        ids[lane_key(example)].append(name)
    seen = trainer.seen if isinstance(trainer, CompletionTrainer) else _read_again(trainer, examples)
    return [{"id": ids[key].popleft(), "loss": round(float(loss), 6)} for key, loss in seen if ids[key]]


def _names(dataset: Any) -> Iterable[str]:
    """Ids of the rows; where they came without any, their places."""
    return dataset["id"] if "id" in dataset.column_names else map(str, range(len(dataset)))


def _read_again(trainer: Any, examples: Sequence[Lane]) -> Iterator[Any]:
    for example in examples:
        yield from lane_losses([example], next(_scored(trainer, [example])))


def _scored(trainer: Any, examples: Sequence[Lane]) -> Iterator[torch.Tensor]:
    """Losses of the learnt tokens, a few examples at a time, in their order."""
    device = trainer.args.device
    packs = isinstance(trainer, CompletionTrainer)
    with torch.no_grad():
        for some in parts(examples) if packs else [[example] for example in examples]:
            yield token_losses(trainer.model, some, device=device) if packs else _alone(trainer, some[0], device=device)


def _alone(trainer: Any, example: Lane, *, device: Any) -> torch.Tensor:
    """[targets] losses of one example, by any model."""
    places = learnt_places(example)
    ids = torch.tensor([example.ids], device=device)
    # From the end: what a method puts before the tokens may have scores too.
    logits = trainer.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, -len(example.ids) :]
    targets = torch.tensor([example.labels[place] for place in places], device=device)
    return cross_entropy(logits[[place - 1 for place in places]].float(), targets, reduction="none")


def _lanes(dataset: Any) -> list[Lane]:
    return [Lane(list(ids), list(labels)) for ids, labels in zip(dataset["input_ids"], dataset["labels"], strict=True)]
