"""Turn contexts and what may follow them into log-likelihoods: each context is read once, whatever follows it.

A context and the tree of its continuations stand in one row; a token of the tree sees the context and its own branch
alone, and what continuations begin with in common is read once (as drafts are read by Miao et al. 2024, "SpecInfer",
arXiv 2305.09781). The vocabulary is scored only where the tree is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from harness.adapters.fitting import SCORE_BYTES, reads_padding
from harness.adapters.language_model import LanguageModel

ALIKE = 0.9
"""Rows of a batch are at least this share as long as its longest: reading costs the same for padding as for text."""
LOGITS_BYTES = 2**28
"""What the scores over the vocabulary of one batch may take."""


class Scored(NamedTuple):
    """One continuation."""

    logprob: float
    """Sum over its tokens, nats."""
    greedy: bool
    """Whether each token is the likeliest one."""


@dataclass(frozen=True)
class Branches:
    """Continuations of a context, as token ids, none of them empty; see `branches`."""

    continuations: list[list[int]]
    tokens: list[int]
    """What is read of them: a continuation's last token is only predicted."""
    depths: list[int]
    """How many tokens of the tree stand before each."""
    sees: torch.Tensor
    """[tokens, tokens]: whether a token stands on the branch of another, or is it."""
    lines: list[list[int]]
    """Of each continuation, where its tokens are predicted: 0 is the end of the context, then the tree from 1."""


def branches(continuations: Sequence[list[int]]) -> Branches:
    """The tree of what may follow one context."""
    known: dict[tuple[int, int], int] = {}  # by what stands before a token, and the token
    lines = []
    for continuation in continuations:
        path = [0]
        for token in continuation[:-1]:
            path.append(known.setdefault((path[-1], token), len(known) + 1))
        lines.append(path)
    depths: list[int] = []
    sees = torch.eye(len(known), dtype=torch.bool)
    for place, (parent, _) in enumerate(known):
        depths.append(depths[parent - 1] + 1 if parent else 0)
        if parent:
            sees[place] |= sees[parent - 1]
    return Branches(list(continuations), [token for _, token in known], depths, sees, lines)


class Packed(NamedTuple):
    """One context, not empty, with its continuations."""

    context: list[int]
    branches: Branches

    @property
    def tail(self) -> int:
        """Tokens that are read behind the context."""
        return len(self.branches.tokens)


def scored_rows(model: LanguageModel, rows: Sequence[Packed], beginning: Any) -> list[list[Scored]]:
    """One list a row, one entry a continuation; `rows` stand behind `beginning`, where the model's attention is plain.

    Other models read each continuation behind its context in a row of its own.
    """
    from harness.adapters.attention import is_plain, learnt_beginning

    if is_plain(model):
        return _in_parts(model, list(rows), beginning or learnt_beginning(model))
    alone = [Packed(row.context, branches([one])) for row in rows for one in row.branches.continuations]
    scores = iter(_in_parts(model, alone, None))
    return [[next(scores)[0] for _ in row.branches.continuations] for row in rows]


def _in_parts(model: LanguageModel, rows: list[Packed], beginning: Any) -> list[list[Scored]]:
    """Batches whose scores over the vocabulary fit `LOGITS_BYTES`; PEFT's own learnt tokens stand before padding."""
    from harness.adapters.attention import is_plain

    width = 1 + max(row.tail for row in rows)
    scores = width * model.base.config.get_text_config().vocab_size * SCORE_BYTES
    alone = reads_padding(model.base) or (model.virtual_tokens and not is_plain(model))
    most = 1 if alone else max(1, LOGITS_BYTES // scores)
    parts = [rows[start : start + most] for start in range(0, len(rows), most)]
    return [scores for part in parts for scores in _batch(model, part, beginning)]


def _batch(model: LanguageModel, rows: Sequence[Packed], beginning: Any) -> list[list[Scored]]:
    from harness.adapters.attention import is_plain, left_padded, shared

    device = model.base.device
    ids, there = left_padded([[*row.context, *row.branches.tokens] for row in rows], pad=0, device=device)
    positions, _ = left_padded([_positions(row) for row in rows], pad=0, device=device)
    asked: dict[str, Any] = {
        "input_ids": ids,
        "position_ids": positions + (beginning.size if beginning else 0),
        "use_cache": False,
        "logits_to_keep": 1 + max(row.tail for row in rows),
    }
    with torch.inference_mode():
        if is_plain(model):
            asked |= {"beginning": beginning} if beginning else {}
            with shared(model.base):
                logits = model.reader(attention_mask=_mask(there, rows), **asked).logits
        elif model.virtual_tokens:
            # One row, without padding: PEFT counts places from its learnt tokens on.
            logits = model.active(**{**asked, "position_ids": None}).logits
        else:
            logits = model.active(attention_mask=there.long(), **asked).logits
    return [_row(row, lines[-row.tail - 1 :]) for row, lines in zip(rows, logits, strict=True)]


def _positions(row: Packed) -> list[int]:
    """Each token's place as if its continuation stood alone behind the context."""
    start = len(row.context)
    return [*range(start), *(start + depth for depth in row.branches.depths)]


def _mask(there: torch.Tensor, rows: Sequence[Packed]) -> torch.Tensor:
    """[rows, 1, tokens, tokens]: a token sees the context before it and its own branch; padding sees itself."""
    from harness.adapters.attention import causal

    mask = causal(there)
    for place, row in enumerate(rows):
        if row.tail:
            mask[place, 0, -row.tail :, -row.tail :] = row.branches.sees.to(there.device)
    return mask


def _row(row: Packed, logits: torch.Tensor) -> list[Scored]:
    """The continuations of one row from its scores, [1 + tail, vocabulary]: the context's end comes first."""
    values = logits.float()
    sums, best = values.logsumexp(dim=-1), values.argmax(dim=-1)
    found = []
    for continuation, places in zip(row.branches.continuations, row.branches.lines, strict=True):
        lines, wanted = torch.tensor(places, device=logits.device), torch.tensor(continuation, device=logits.device)
        chosen = values[lines, wanted] - sums[lines]
        found.append(Scored(float(chosen.sum()), bool((best[lines] == wanted).all())))
    return found
