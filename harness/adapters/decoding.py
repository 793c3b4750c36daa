"""Turn token ids into greedy continuations: rows that are done leave the batch, and nothing is copied a token."""

from collections.abc import Callable, Sequence

import torch

from harness.adapters.attention import Beginning, RowCache, causal, left_padded, shared
from harness.adapters.language_model import LanguageModel

LEAVE = 0.75
"""Finished rows are taken out of the batch once no more than this share of it goes on."""

Halt = Callable[[list[int]], bool]
"""Whether the tokens so far complete an answer."""


def greedy(
    model: LanguageModel, rows: Sequence[list[int]], *, limit: int, halt: Halt, beginning: Beginning | None
) -> list[list[int]]:
    """At most `limit` new tokens a row, up to and with the one that completes its answer.

    `rows` are token ids behind `beginning`, none of them empty.
    """
    found: list[list[int]] = [[] for _ in rows]
    with torch.inference_mode(), shared(model.base):
        batch = _Batch(model, rows, limit=limit, beginning=beginning)
        going = list(range(len(rows)))
        while going:
            tokens = batch.tokens.tolist()
            for place in going:
                found[batch.rows[place]].append(tokens[place])
            going = [i for i in going if len(found[batch.rows[i]]) < limit and not halt(found[batch.rows[i]])]
            going = batch.advanced(going)
    return found


class _Batch:
    """The rows that still go on, their next tokens, and what the model has read of them."""

    def __init__(
        self, model: LanguageModel, rows: Sequence[list[int]], *, limit: int, beginning: Beginning | None
    ) -> None:
        ids, self.there = left_padded(rows, pad=0, device=model.base.device)
        self.model, self.beginning = model, beginning
        self.rows = list(range(len(rows)))
        self.before = beginning.size if beginning else 0
        self.cache = RowCache(room=ids.shape[1] + limit)
        self.tokens = self._read(ids, mask=causal(self.there), positions=_positions(self.there) + self.before)

    def advanced(self, going: list[int]) -> list[int]:
        """Go one token further, with the rows at these places at least; their places afterwards."""
        if going and len(going) <= LEAVE * len(self.rows):
            self._keep(going)
            going = list(range(len(going)))
        if going:
            column = torch.ones(len(self.rows), 1, dtype=torch.bool, device=self.there.device)
            self.there = torch.cat([self.there, column], dim=1)
            positions = self.there.sum(dim=1, keepdim=True) - 1 + self.before
            self.tokens = self._read(self.tokens[:, None], mask=self.there[:, None, None, :], positions=positions)
        return going

    def _keep(self, going: list[int]) -> None:
        places = torch.tensor(going, device=self.there.device)
        self.rows = [self.rows[place] for place in going]
        self.there, self.tokens = self.there[places], self.tokens[places]
        self.cache.batch_select_indices(places)

    def _read(self, ids: torch.Tensor, *, mask: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """The likeliest next token of each row."""
        more = {"beginning": self.beginning} if self.beginning else {}
        output = self.model.reader(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
            **more,
        )
        tokens: torch.Tensor = output.logits[:, -1].argmax(dim=-1)
        return tokens


def _positions(there: torch.Tensor) -> torch.Tensor:
    """Places of the tokens, counted from each row's own first; padding stands at 0."""
    return (there.cumsum(dim=1) - 1).clamp(min=0)
