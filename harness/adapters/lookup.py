"""Guess what a row goes on with: what stood behind its last tokens before, in its prompt or in its answer so far.

Answers often quote: a summary its text, JSON the names of its fields. To read several guessed tokens at once costs
little more than to read one, and those that the model would have written itself are kept (Saxena 2023, "Prompt Lookup
Decoding"). In fp32 the text stays that of greedy decoding; in bf16 a near tie may fall the other way, as it may in
another batch.
"""

from collections.abc import Iterable, Sequence

SIZES = (3, 2)
"""Tokens that must be the same for what stood behind them to be a guess; more of them first."""
LONGEST = 8
"""Tokens of a guess."""
TOGETHER = 128
"""Tokens that are read at once; from about so many on each costs as much as one alone."""
WEIGHTS = 20
"""Tokens that take as long to read as the model's weights, measured on a CPU; a GPU could read more guesses."""
HOPE, HASTE = 0.8, 0.5
"""Chance of a guessed token that a row starts with, and how much of it the last guess decides."""


class Lookup:
    """A row's tokens so far, and how far guesses about it were right."""

    def __init__(self, ids: Iterable[int]) -> None:
        self.ids: list[int] = []
        self.behind: dict[tuple[int, ...], int] = {}
        self.rate = HOPE
        self.extend(ids)

    def extend(self, ids: Iterable[int]) -> None:
        """Go on with these tokens; what stands at the very end has nothing behind it yet."""
        for token in ids:
            end = len(self.ids)
            self.behind |= {tuple(self.ids[end - size :]): end for size in SIZES if end >= size}
            self.ids.append(token)

    def guess(self, most: int) -> list[int]:
        """At most so many tokens, from where the last ones stood most lately."""
        places = (self.behind.get(tuple(self.ids[-size:])) for size in SIZES)
        place = next((place for place in places if place is not None), len(self.ids))
        return self.ids[place : place + max(0, min(most, LONGEST))]

    def learn(self, guess: Sequence[int], written: Sequence[int]) -> None:
        """How far a guess was right, be it that it was read or not: a token's chance where all before it were right."""
        guess = guess[: len(written)]
        if guess:
            right = right_ones(guess, written)
            self.rate += HASTE * (right / min(right + 1, len(guess)) - self.rate)


def best_width(guesses: Sequence[list[int]], *, rates: Sequence[float]) -> int:
    """Tokens a row to read at once, its last one included, so that a token costs least; all rows are as wide.

    `guesses` and `rates` are those of each row of the batch.
    """
    most = min(1 + max(map(len, guesses)), max(1, TOGETHER // len(guesses)))

    def yielded(width: int) -> float:
        sure = (sum(rate**place for place in range(min(len(guess), width - 1) + 1)) for guess, rate in rows)
        return sum(sure) / (WEIGHTS + width * len(guesses))

    rows = list(zip(guesses, rates, strict=True))
    return max(range(1, most + 1), key=yielded)


def right_ones(guess: Sequence[int], likeliest: Sequence[int]) -> int:
    """How many of the guessed tokens are what the model would have written; `likeliest` is its next at each."""
    pairs = enumerate(zip(guess, likeliest, strict=False))
    return next((place for place, (mine, its) in pairs if mine != its), len(guess))
