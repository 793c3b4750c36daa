"""Turn a search and the sizes of its data into how many epochs it trains and on how many tokens, about."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import NamedTuple

from harness.asks import TEMPLATE_TOKENS, Sizes, tokens
from harness.loading import Resolved
from harness.specs import SearchSpec
from harness.stages.mixture import REPLAY, mixed_sizes, replayed_size

Typical = Callable[[Sequence[int]], float]


class Training(NamedTuple):
    """Of a whole search."""

    epochs: int
    """Of every phase."""
    scored: int
    """Those after which the model is asked on validation."""
    tokens: float
    """Read and learnt in all of them."""


def training(resolved: Resolved, *, sizes: Sizes, example: float, typical: Typical = fmean) -> Training:
    """With examples of so many tokens, and so many epochs in each trial."""
    search, further = resolved.experiment.search, sizes.further
    text, own, behind = _each(search, typical=typical)
    once = {
        "text": tokens(_characters(sizes, "text")),
        "own": example * sizes.train + _added(resolved, sizes),
        # Both answers of a pair are read behind the prompt: its length counts twice.
        "pairs": 2 * tokens(_characters(sizes, "preferences")) + 2 * TEMPLATE_TOKENS * _rows(sizes, "preferences"),
    }
    trials = search.most_trials
    whole = trials * (text * once["text"] + own * once["own"] + behind * once["pairs"])
    scored = max(1, round(trials * (own + behind)))
    return Training(epochs(resolved, typical=typical), scored, whole if further else once["own"] * scored)


def epochs(resolved: Resolved, *, typical: Typical = fmean) -> int:
    """Training epochs of the whole search, of every phase."""
    search = resolved.experiment.search
    return max(1, round(search.most_trials * sum(_each(search, typical=typical))))


def _each(search: SearchSpec, *, typical: Typical) -> tuple[float, float, float]:
    """Epochs of a trial over text, over the task's examples, and over pairs of answers."""
    given, pairs = float(typical(search.space.epochs)), search.preferences
    text = float(search.text.epochs) if search.text else 0.0
    if pairs is None:
        return text, given, 0.0
    return (text, 0.0, given) if pairs.after == "nothing" else (text, given, float(pairs.epochs))


def _added(resolved: Resolved, sizes: Sizes) -> float:
    """Tokens of the examples that stand beside the task's own in an epoch."""
    search = resolved.experiment.search
    others = {role: found[0] for role, found in sizes.further.items() if role.startswith("mix:")}
    counts = mixed_sizes(sizes.train, others=others, temperature=search.mix.temperature) if search.mix else {}
    if search.replay and REPLAY in sizes.further:
        counts[REPLAY] = replayed_size(sizes.train + sum(counts.values()), share=search.replay.share)
    return sum(count * (tokens(sizes.further[role][1]) + TEMPLATE_TOKENS) for role, count in counts.items())


def _rows(sizes: Sizes, role: str) -> int:
    return sizes.further[role][0] if role in sizes.further else 0


def _characters(sizes: Sizes, role: str) -> float:
    return _rows(sizes, role) * sizes.further[role][1] if role in sizes.further else 0.0
