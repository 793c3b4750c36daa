"""Turn the numbers of a verdict into the words of its sentences."""

from collections.abc import Mapping
from typing import Any


def points(value: float) -> str:
    """A share as points: .125 is `12.5 points`."""
    return f"{100 * value:.1f} points"


def gap(effect: float, *, against: str) -> str:
    """How far fine-tuning is from somebody: `12.5 points lower than few_shot`."""
    if not round(abs(effect), 3):
        return f"the same as {against}"
    return f"{points(abs(effect))} {'higher' if effect > 0 else 'lower'} than {against}"


def counted(number: int, noun: str) -> str:
    """`1 item`, `1,200 items`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def configuration(params: Mapping[str, Any]) -> str:
    """What sets a trial apart, in a few words: `rank 32, lr 0.0018`, `16 virtual tokens, lr 0.01`, `lr 0.003`."""
    sizes = {"rank": "rank {}", "virtual_tokens": "{} virtual tokens"}
    words = [text.format(params[name]) for name, text in sizes.items() if name in params]
    return ", ".join([*words, f"lr {params['learning_rate']:.3g}"])


def p_value(p: float) -> str:
    """A p-value with the digits that matter: `p = 0.0031`."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}" if p < 0.1 else f"p = {p:.2f}"


def slice_words(*, judged: bool, regressed: bool, withholds: bool, gate: bool) -> str:
    """What was found on a slice, and what follows from it."""
    if not judged:
        return "cannot be judged, so nothing guards it" if gate else "cannot be judged"
    if regressed:
        return "regressed, vetoes" if gate else "regressed, not gated"
    if withholds:
        return "may have regressed, withholds FINE_TUNE"
    return "no proven regression, gated" if gate else "no proven regression"


def gigabytes(size: float) -> str:
    """`0.27 GB`, `14.2 GB`."""
    return f"{size / 1e9:.1f} GB" if size >= 0.95e9 else f"{size / 1e9:.2f} GB"
