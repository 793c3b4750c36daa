"""Turn what a prompt search may cost into the most that it can ask, in whatever order it tries its prompts."""

from math import ceil
from typing import NamedTuple


class Most(NamedTuple):
    """Upper bounds of a whole search; each may be reached by another course of it."""

    prompts: int = 0
    tokens_in: float = 0.0
    """Of all its prompts, for one item."""
    tokens_out: float = 0.0


def most_of_trials(count: int, *, dearest: float, longest: float) -> Most:
    """So many prompts of at most `dearest` tokens, each answered by at most `longest`."""
    return Most(count, count * dearest, count * longest)


def most_of_budget(target: float, *, trials: int, size: int, cheapest: float, dearest: float, longest: float) -> Most:
    """Of a search that makes its trials and goes on until they took `target` tokens for one item, read and written.

    Short prompts with short answers make the most prompts, short prompts with long answers the most tokens written.
    Only the last prompt goes past the target.
    """
    count = min(size, max(trials, ceil(target / max(1.0, cheapest))))
    whole, first = (most_of_trials(number, dearest=dearest, longest=longest) for number in (count, trials))
    read = max(first.tokens_in, target + dearest)
    written = max(first.tokens_out, target * longest / (cheapest + longest) + longest)
    return Most(count, min(whole.tokens_in, read), min(whole.tokens_out, written))
