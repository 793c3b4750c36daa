"""Find the tokens that all prompts begin with, which are worth reading once."""

from collections.abc import Sequence

SHORTEST = 16
"""A shared beginning shorter than this is not worth a cache of its own."""


def shared_prefix(prompts: Sequence[list[int]]) -> list[int]:
    """Tokens that every prompt begins with, short of any prompt's last one; empty when too few to matter."""
    if len(prompts) < 2:
        return []
    low, high = min(prompts), max(prompts)
    most = min(map(len, prompts)) - 1
    length = next((place for place in range(most) if low[place] != high[place]), most)
    return low[:length] if length >= SHORTEST else []
