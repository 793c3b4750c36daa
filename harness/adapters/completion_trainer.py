"""Turn a batch of examples into the loss of stock SFT with less work: no padding, no token twice, no idle LM head.

The rows of a batch lie behind each other in one row and see only themselves; what all of them begin with, such as an
instruction, is read once, and its gradients add up as if each row had read it; with LoRA dropout, its noise is the same
for those rows. Scores over the vocabulary are computed only where a completion's token is predicted. Stock SFTTrainer
pads every row, reads every beginning, and off the GPU scores every token.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.nn.functional import cross_entropy
from trl import SFTTrainer

from harness.adapters.attention import is_plain
from harness.adapters.beginnings import shared_prefix
from harness.adapters.language_model import LanguageModel

IGNORED = -100
"""Label of a token that is not learnt."""
ROOM = 1024
"""Tokens in a row of several examples: attention looks at every pair of them, also where it sees nothing."""
SCORES_BYTES, SCORE_BYTES = 2**28, 4
"""Scores over the vocabulary that are held at once on a CPU, and the size of one."""


class Lane(NamedTuple):
    """One example without its padding."""

    ids: list[int]
    labels: list[int]
    """As long as `ids`; `IGNORED` where a token is given."""


class LaneLoss(NamedTuple):
    """The loss of one example."""

    key: int
    """`lane_key` of the example."""
    loss: torch.Tensor
    """[]: mean negative log-likelihood of its learnt tokens, nats."""


class PackedBatch(NamedTuple):
    """A batch in one row: `start` tokens that all examples share, then the rest of each."""

    ids: torch.Tensor
    """[1, tokens]."""
    positions: torch.Tensor
    """[1, tokens]: each token's place in its own example."""
    mask: torch.Tensor | None
    """[1, 1, tokens, tokens], true where a row sees a column: its own example, up to itself; None for one example."""
    predicting: torch.Tensor
    """[targets]: where in the row the next token is learnt."""
    targets: torch.Tensor
    """[targets]: the tokens that are learnt."""


def fitting_trainer(model: LanguageModel) -> type[SFTTrainer]:
    """`CompletionTrainer` where the model's attention takes a mask of pairs; others are trained as TRL does it."""
    return CompletionTrainer if is_plain(model) else SFTTrainer


class CompletionTrainer(SFTTrainer):  # type: ignore[misc, unused-ignore]
    """SFTTrainer over a model of known attention (`attention.is_plain`); the same losses and gradients."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What each example cost when it was trained on, in that order.
        self.seen: list[LaneLoss] = []

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean negative log-likelihood of the learnt tokens, nats; over `num_items_in_batch` of them where given."""
        if return_outputs:
            return super().compute_loss(model, inputs, return_outputs=True, num_items_in_batch=num_items_in_batch)
        device = inputs["input_ids"].device
        examples = lanes(inputs)
        losses = token_losses(model, examples, device=device)
        if self.model.training:
            self.seen += lane_losses(examples, losses.detach())
            self._total_train_tokens += int(inputs["attention_mask"].sum())
        learnt = len(losses) if num_items_in_batch is None else num_items_in_batch
        return losses.sum() / torch.as_tensor(learnt).clamp(min=1)


def token_losses(model: Any, examples: Sequence[Lane], *, device: Any) -> torch.Tensor:
    """[targets of all examples, in their order] negative log-likelihoods, nats."""
    return torch.cat([_losses(model, packed(part, device=device)) for part in parts(examples)])


def lane_losses(examples: Sequence[Lane], losses: torch.Tensor) -> list[LaneLoss]:
    """Mean loss of each example that has something to learn; `losses` is what `token_losses` found for them."""
    shares = losses.split([len(learnt_places(example)) for example in examples])
    pairs = zip(examples, shares, strict=True)
    return [LaneLoss(lane_key(example), share.mean()) for example, share in pairs if len(share)]


def lane_key(example: Lane) -> int:
    """The same for examples of the same tokens."""
    return hash((tuple(example.ids), tuple(example.labels)))


def _losses(model: Any, batch: PackedBatch) -> torch.Tensor:
    """[targets] negative log-likelihoods, nats.

    TRL's own head holds no scores in memory; on a CPU it scores every token, so it is taken only for long answers.
    """
    asked = {"input_ids": batch.ids, "position_ids": batch.positions, "attention_mask": batch.mask, "use_cache": False}
    vocabulary = model.get_output_embeddings().weight.shape[0]
    if batch.ids.device.type != "cpu" or len(batch.targets) * vocabulary * SCORE_BYTES > SCORES_BYTES:
        labels = torch.full_like(batch.ids, IGNORED)
        labels[0, batch.predicting] = batch.targets
        return -model(**asked, shift_labels=labels, fused_lm_head=True).log_probs[labels != IGNORED]
    logits = model(**asked, logits_to_keep=batch.predicting).logits[0]
    return cross_entropy(logits.float(), batch.targets, reduction="none")


def lanes(inputs: dict[str, Any]) -> list[Lane]:
    """The rows of a padded batch (`input_ids`, `labels`, `attention_mask`, each [rows, longest]) without padding."""
    rows = zip(inputs["input_ids"], inputs["labels"], inputs["attention_mask"].bool(), strict=True)
    return [Lane(ids[there].tolist(), labels[there].tolist()) for ids, labels, there in rows]


def parts(examples: Sequence[Lane]) -> list[list[Lane]]:
    """Examples that are packed together: at most `ROOM` tokens, or one example."""
    found: list[list[Lane]] = []
    for example in examples:
        if found and sum(len(one.ids) for one in found[-1]) + len(example.ids) <= ROOM:
            found[-1].append(example)
        else:
            found.append([example])
    return found


def packed(examples: Sequence[Lane], *, device: Any) -> PackedBatch:
    """Examples, none of them empty, in one row."""
    start = _shared(examples)
    ids, positions = list(examples[0].ids[:start]), list(range(start))
    owners = [-1] * start
    predicting: list[int] = []
    targets: list[int] = []
    for number, example in enumerate(examples):
        # The token at `place` of the example lies at `place + shift` of the row.
        shift = len(ids) - start
        learnt = learnt_places(example)
        predicting += [place - 1 + shift for place in learnt]
        targets += [example.labels[place] for place in learnt]
        ids += example.ids[start:]
        positions += range(start, len(example.ids))
        owners += [number] * (len(example.ids) - start)
    return PackedBatch(
        torch.tensor([ids], device=device),
        torch.tensor([positions], device=device),
        _mask(torch.tensor(owners, device=device)) if len(examples) > 1 else None,
        torch.tensor(predicting, dtype=torch.long, device=device),
        torch.tensor(targets, dtype=torch.long, device=device),
    )


def learnt_places(example: Lane) -> list[int]:
    """Where the tokens lie that are learnt; nothing stands before the first token of all, which would predict it."""
    return [place for place, label in enumerate(example.labels) if label != IGNORED and place > 0]


def _shared(examples: Sequence[Lane]) -> int:
    """How many tokens all examples begin with; each keeps the token that predicts its first learnt one."""
    before = min(_first_learnt(example) for example in examples) - 1
    return max(0, min(before, len(shared_prefix([example.ids for example in examples]))))


def _first_learnt(example: Lane) -> int:
    learnt = (place for place, label in enumerate(example.labels) if label != IGNORED)
    return next(learnt, len(example.ids))


def _mask(owners: torch.Tensor) -> torch.Tensor:
    """Whose tokens a token sees: those of all (-1) and those of its own example, before it."""
    own = (owners[:, None] == owners[None, :]) | (owners[None, :] == -1)
    return own.tril()[None, None]
