"""Turn contexts and what may follow them into log-likelihoods: each context is read once, whatever follows it.

A context and all its continuations stand in one row, each continuation seeing the context and itself alone; the
vocabulary is scored only where a continuation is.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

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

    if is_plain(model.base):
        return _in_parts(model, list(rows), beginning)
    alone = [Packed(row.context, [continuation]) for row in rows for continuation in row.continuations]
    scores = iter(_in_parts(model, alone, None))
    return [[next(scores)[0] for _ in row.continuations] for row in rows]


def _in_parts(model: LanguageModel, rows: list[Packed], beginning: Any) -> list[list[Scored]]:
    """Batches whose scores over the vocabulary fit `LOGITS_BYTES`."""
    width = 1 + max(row.tail for row in rows)
    most = max(1, LOGITS_BYTES // (width * model.base.config.vocab_size * 4))
    parts = [rows[start : start + most] for start in range(0, len(rows), most)]
    return [scores for part in parts for scores in _batch(model, part, beginning)]


def _batch(model: LanguageModel, rows: Sequence[Packed], beginning: Any) -> list[list[Scored]]:
    from harness.adapters.attention import is_plain, left_padded, shared

    base = model.base
    contexts, there = left_padded([row.context for row in rows], pad=0, device=base.device)
    tails, owners, offsets = _tails(rows, device=base.device)
    first = (there.cumsum(dim=1) - 1).clamp(min=0)
    asked: dict[str, Any] = {
        "input_ids": torch.cat([contexts, tails], dim=1),
        "position_ids": torch.cat([first, first[:, -1:] + offsets], dim=1) + (len(beginning.ids) if beginning else 0),
        "use_cache": False,
        "logits_to_keep": tails.shape[1] + 1,
    }
    with torch.inference_mode():
        if is_plain(base):
            asked |= {"beginning": beginning} if beginning else {}
            with shared(base):
                logits = model.active(attention_mask=_mask(there, owners), **asked).logits
        else:
            logits = model.active(attention_mask=torch.cat([there, owners > 0], dim=1).long(), **asked).logits
    return [_row(row, line) for row, line in zip(rows, logits, strict=True)]


def _tails(rows: Sequence[Packed], *, device: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, the number of the continuation (from 1; 0 is padding) and the place in it (from 1), each [rows, widest]."""
    widest = max(row.tail for row in rows)
    ids, owners, offsets = (torch.zeros(len(rows), widest, dtype=torch.long) for _ in range(3))
    for place, row in enumerate(rows):
        read = [continuation[:-1] for continuation in row.continuations]
        ids[place, : row.tail] = torch.tensor([token for part in read for token in part], dtype=torch.long)
        owners[place, : row.tail] = torch.tensor([number for number, part in enumerate(read, 1) for _ in part])
        offsets[place, : row.tail] = torch.tensor([offset for part in read for offset in range(1, len(part) + 1)])
    return ids.to(device), owners.to(device), offsets.to(device)


def _mask(there: torch.Tensor, owners: torch.Tensor) -> torch.Tensor:
    """[rows, 1, tokens, tokens]: a token sees the context before it and its own continuation; padding sees itself."""
    number = torch.cat([torch.zeros_like(there, dtype=torch.long), owners], dim=1)
    real = torch.cat([there, owners > 0], dim=1)
    in_context = torch.cat([there, torch.zeros_like(owners, dtype=torch.bool)], dim=1)
    size = number.shape[1]
    before = torch.ones(size, size, dtype=torch.bool, device=there.device).tril()
    related = in_context[:, None, :] | (number[:, :, None] == number[:, None, :])
    itself = torch.eye(size, dtype=torch.bool, device=there.device)
    return (before & real[:, None, :] & related | itself)[:, None]


def _row(row: Packed, logits: torch.Tensor) -> list[Scored]:
    """The continuations of one row from its scores, [1 + widest tail, vocabulary]: the context's end comes first."""
    values = logits[: row.tail + 1].float()
    sums, best = values.logsumexp(dim=-1), values.argmax(dim=-1)
    found, start = [], 1
    for continuation in row.continuations:
        lines = torch.tensor([0, *range(start, start + len(continuation) - 1)], device=logits.device)
        wanted = torch.tensor(continuation, device=logits.device)
        chosen = values[lines, wanted] - sums[lines]
        found.append(Scored(float(chosen.sum()), bool((best[lines] == wanted).all())))
        start += len(continuation) - 1
    return found
