"""Turn contexts and what may follow them into log-likelihoods: each context is read once, whatever follows it.

A context and all its continuations stand in one row, each continuation seeing the context and itself alone; the
vocabulary is scored only where a continuation is.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from harness.adapters.fitting import SCORE_BYTES
from harness.adapters.language_model import LanguageModel

LOGITS_BYTES = 2**28
"""What the scores over the vocabulary of one batch may take."""


class Scored(NamedTuple):
    """One continuation."""

    logprob: float
    """Sum over its tokens, nats."""
    greedy: bool
    """Whether each token is the likeliest one."""


class Packed(NamedTuple):
    """One context with its continuations, as token ids; neither is empty."""

    context: list[int]
    continuations: list[list[int]]

    @property
    def tail(self) -> int:
        """Tokens that are read behind the context: a continuation's last one is only predicted."""
        return sum(len(continuation) - 1 for continuation in self.continuations)


def scored_rows(model: LanguageModel, rows: Sequence[Packed], beginning: Any) -> list[list[Scored]]:
    """One list a row, one entry a continuation; `rows` stand behind `beginning`, where the model's attention is plain.

    Other models read each continuation behind its context in a row of its own.
    """
    from harness.adapters.attention import is_plain

    if is_plain(model):
        return _in_parts(model, list(rows), beginning)
    alone = [Packed(row.context, [continuation]) for row in rows for continuation in row.continuations]
    scores = iter(_in_parts(model, alone, None))
    return [[next(scores)[0] for _ in row.continuations] for row in rows]


def _in_parts(model: LanguageModel, rows: list[Packed], beginning: Any) -> list[list[Scored]]:
    """Batches whose scores over the vocabulary fit `LOGITS_BYTES`."""
    width = 1 + max(row.tail for row in rows)
    most = max(1, LOGITS_BYTES // (width * model.base.config.get_text_config().vocab_size * SCORE_BYTES))
    parts = [rows[start : start + most] for start in range(0, len(rows), most)]
    return [scores for part in parts for scores in _batch(model, part, beginning)]


def _batch(model: LanguageModel, rows: Sequence[Packed], beginning: Any) -> list[list[Scored]]:
    from harness.adapters.attention import is_plain, left_padded, shared

    device = model.base.device
    ids, there = left_padded([[*row.context, *_read(row)] for row in rows], pad=0, device=device)
    owners, _ = left_padded([_owners(row) for row in rows], pad=0, device=device)
    positions, _ = left_padded([_positions(row) for row in rows], pad=0, device=device)
    asked: dict[str, Any] = {
        "input_ids": ids,
        "position_ids": positions + (len(beginning.ids) if beginning else 0),
        "use_cache": False,
        "logits_to_keep": 1 + max(row.tail for row in rows),
    }
    with torch.inference_mode():
        if is_plain(model):
            asked |= {"beginning": beginning} if beginning else {}
            with shared(model.base):
                logits = model.active(attention_mask=_mask(there, owners), **asked).logits
        else:
            logits = model.active(attention_mask=there.long(), **asked).logits
    return [_row(row, lines[-row.tail - 1 :]) for row, lines in zip(rows, logits, strict=True)]


def _read(row: Packed) -> list[int]:
    """The continuations one after the other, each without its last token."""
    return [token for continuation in row.continuations for token in continuation[:-1]]


def _owners(row: Packed) -> list[int]:
    """Whose each token is: 0 for the context, then the number of the continuation from 1."""
    tails = [number for number, one in enumerate(row.continuations, 1) for _ in one[:-1]]
    return [*[0] * len(row.context), *tails]


def _positions(row: Packed) -> list[int]:
    """Each token's place as if its continuation stood alone behind the context."""
    start = len(row.context)
    return [*range(start), *(start + place for one in row.continuations for place in range(len(one) - 1))]


def _mask(there: torch.Tensor, owners: torch.Tensor) -> torch.Tensor:
    """[rows, 1, tokens, tokens]: a token sees the context before it and its own continuation; padding sees itself."""
    size = there.shape[1]
    before = torch.ones(size, size, dtype=torch.bool, device=there.device).tril()
    related = (owners[:, None, :] == 0) | (owners[:, :, None] == owners[:, None, :])
    itself = torch.eye(size, dtype=torch.bool, device=there.device)
    return (before & there[:, None, :] & related | itself)[:, None]


def _row(row: Packed, logits: torch.Tensor) -> list[Scored]:
    """The continuations of one row from its scores, [1 + tail, vocabulary]: the context's end comes first."""
    values = logits.float()
    sums, best = values.logsumexp(dim=-1), values.argmax(dim=-1)
    found, start = [], 1
    for continuation in row.continuations:
        lines = torch.tensor([0, *range(start, start + len(continuation) - 1)], device=logits.device)
        wanted = torch.tensor(continuation, device=logits.device)
        chosen = values[lines, wanted] - sums[lines]
        found.append(Scored(float(chosen.sum()), bool((best[lines] == wanted).all())))
        start += len(continuation) - 1
    return found
