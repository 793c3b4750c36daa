"""Turn token ids into greedy continuations: rows that are done leave the batch, and nothing is copied a token.

Several tokens a row are read at once where `lookup` guesses them well. No later token sees those that were guessed
wrongly; they leave the cache where no row needs their place.
"""

from collections.abc import Callable, Sequence

import torch

from harness.adapters.attention import Beginning, RowCache, causal, left_padded, shared, stacked
from harness.adapters.batching import SMALL
from harness.adapters.head import sliced_head
from harness.adapters.language_model import LanguageModel
from harness.adapters.lookup import Lookup, best_width, right_ones

LEAVE = 0.75
"""Finished rows are taken out of the batch once no more than this share of it goes on."""
ALIKE = 0.8
"""Rows shorter than this share of the longest are read apart, but for small batches."""

Halt = Callable[[list[int]], bool]
"""Whether the tokens so far complete an answer."""


def greedy(
    model: LanguageModel, rows: Sequence[list[int]], *, limit: int, halt: Halt, beginning: Beginning | None
) -> list[list[int]]:
    """At most `limit` new tokens a row, up to and with the one that completes its answer.

    `rows` are token ids behind `beginning`, none of them empty.
    """
    found: list[list[int]] = [[] for _ in rows]
    with torch.inference_mode(), shared(model.base), sliced_head(model.base):
        batch = _Batch(model, rows, limit=limit, beginning=beginning)
        going = list(range(len(rows)))
        while going:
            answers = {place: found[batch.rows[place]] for place in going}
            going = [at for at in going if _goes_on(answers[at], batch.news[at], limit=limit, halt=halt)]
            going = batch.advanced(going)
    return found


def _goes_on(answer: list[int], news: list[int], *, limit: int, halt: Halt) -> bool:
    """Whether an answer needs more than these tokens; they are added up to the one that completes it."""
    for token in news:
        answer.append(token)
        if len(answer) >= limit or halt(answer):
            return False
    return True


class _Batch:
    """The rows that still go on, their next tokens, and what the model has read of them."""

    def __init__(
        self, model: LanguageModel, rows: Sequence[list[int]], *, limit: int, beginning: Beginning | None
    ) -> None:
        self.there = left_padded(rows, pad=0, device=model.base.device)[1]
        self.model, self.beginning = model, beginning
        self.rows = list(range(len(rows)))
        start, self.before = (beginning.ids, beginning.size) if beginning else ([], 0)
        self.lookups = [Lookup([*start, *row]) for row in rows]
        self.ends = [len(one.ids) + limit for one in self.lookups]
        parts, room = _alike(rows), self.there.shape[1] + limit
        begun = [self._begun(part, room=room if len(parts) == 1 else 0) for part in parts]
        self.cache = stacked([cache for cache, _ in begun], room=room)
        self.hoped: list[list[int]] = [[] for _ in rows]
        self.news = self._accepted(self.hoped, [tokens for _, part in begun for tokens in part])

    def _begun(self, rows: list[list[int]], *, room: int) -> tuple[RowCache, list[list[int]]]:
        """What is read of these rows, and the likeliest token behind each."""
        ids, there = left_padded(rows, pad=0, device=self.there.device)
        cache, positions = RowCache(room=room), _positions(there) + self.before
        return cache, self._read(ids, mask=causal(there), positions=positions, cache=cache, last=1)

    def advanced(self, going: list[int]) -> list[int]:
        """Go further, by a token at least, with the rows at these places at least; their places afterwards."""
        if going and len(going) <= LEAVE * len(self.rows):
            self._keep(going)
            going = list(range(len(going)))
        if going:
            self._step(self._guesses(set(going)), going=set(going))
        return going

    def _guesses(self, going: set[int]) -> list[list[int]]:
        """What is guessed of each row, so far as it is worth its reading; `hoped` is all of it."""
        rows = [self.lookups[row] for row in self.rows]
        left = [self.ends[row] - len(self.lookups[row].ids) - 1 for row in self.rows]
        self.hoped = [one.guess(left[at]) if at in going else [] for at, one in enumerate(rows)]
        width = best_width(self.hoped, rates=[one.rate for one in rows])
        return [guess[: width - 1] for guess in self.hoped]

    def _step(self, guesses: list[list[int]], *, going: set[int]) -> None:
        """Read each row's last token and its guess; `there` tells of the guess what was right.

        Rows that do not go on stand still: their positions stay within the model's window.
        """
        device, width = self.there.device, 1 + max(map(len, guesses))
        places = torch.arange(width, device=device)
        # Padding stands where the guess ends.
        ahead = torch.minimum(places, torch.tensor([[len(guess)] for guess in guesses], device=device))
        before = self.there[:, None, :].expand(-1, width, -1)
        own = (places <= places[:, None]).expand(len(guesses), -1, -1)
        likeliest = self._read(
            torch.tensor(self._last_and(guesses, width=width), device=device),
            mask=torch.cat([before, own], dim=2)[:, None],
            positions=self.there.sum(dim=1, keepdim=True) + self.before + ahead,
            cache=self.cache,
            last=width,
        )
        self.news = self._accepted(guesses, likeliest)
        most = max(map(len, self.news))
        self.cache.shorten(width - most)
        seen = torch.tensor([[len(news) if at in going else 0] for at, news in enumerate(self.news)], device=device)
        self.there = torch.cat([self.there, places[:most] < seen], dim=1)

    def _last_and(self, guesses: list[list[int]], *, width: int) -> list[list[int]]:
        rows = ([self.lookups[row].ids[-1], *guess] for row, guess in zip(self.rows, guesses, strict=True))
        return [row + [0] * (width - len(row)) for row in rows]

    def _accepted(self, guesses: list[list[int]], likeliest: list[list[int]]) -> list[list[int]]:
        """What is sure of each row now: the guesses that were right, and the token behind them."""
        found = []
        for row, guess, hoped, tokens in zip(self.rows, guesses, self.hoped, likeliest, strict=True):
            sure = tokens[: right_ones(guess, tokens) + 1]
            self.lookups[row].learn(hoped, sure)
            self.lookups[row].extend(sure)
            found.append(sure)
        return found

    def _keep(self, going: list[int]) -> None:
        places = torch.tensor(going, device=self.there.device)
        self.rows = [self.rows[place] for place in going]
        self.there = self.there[places]
        self.cache.batch_select_indices(places)

    def _read(
        self, ids: torch.Tensor, *, mask: torch.Tensor, positions: torch.Tensor, cache: RowCache, last: int
    ) -> list[list[int]]:
        """The likeliest token behind each of the `last` ones, of each row."""
        more = {"beginning": self.beginning} if self.beginning else {}
        output = self.model.reader(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=last,
            **more,
        )
        tokens: list[list[int]] = output.logits[:, -last:].argmax(dim=-1).tolist()
        return tokens


def _alike(rows: Sequence[list[int]]) -> list[list[list[int]]]:
    """Neighbours of about one length together, so that little padding is read where rows come sorted."""
    parts: list[list[list[int]]] = []
    for row in rows:
        first = len(parts[-1][0]) if parts else 0
        if parts and (ALIKE * first <= len(row) <= first or len(parts[-1]) * first < SMALL):
            parts[-1].append(row)
        else:
            parts.append([row])
    return parts


def _positions(there: torch.Tensor) -> torch.Tensor:
    """Places of the tokens, counted from each row's own first; padding stands at 0."""
    return (there.cumsum(dim=1) - 1).clamp(min=0)
