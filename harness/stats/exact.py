"""Turn discordant counts of two paired binary arms into exact one-sided p-values with a margin.

Arm A is right alone on `b` items, arm B on `c`, and they agree on the other `n - b - c`; the effect is
(b - c) / n. Neither SciPy nor statsmodels has a paired test with a margin, so this one is ours: an exact
unconditional test that orders the tables by Tango's score statistic (Tango 1998; Fagerland, Lydersen &
Laake 2013) and takes the worst discordance inside a confidence interval for it (Berger & Boos 1994).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, binomtest  # type: ignore[import-untyped, unused-ignore]

from harness.stats import OneSided

Array = NDArray[np.float64]

ALPHA_PER_GAMMA = 50
"""gamma = alpha / 50: the share of alpha spent on the confidence interval for the discordance."""
GRID_POINTS, REFINEMENTS = 64, 2
"""Discordances tried, and how often around the best one so far: the tail is smooth in it."""
TIE = 1e-9
"""Score statistics this close are one and the same table order, apart from rounding."""
SUPPORT_SDS = 9.0
"""Numbers of discordant pairs further out than this many standard deviations carry less than 1e-15."""


def tango_score(b: Any, c: Any, *, n: int, margin: float) -> Array:
    """Tango's score statistic for H0 `effect = margin`, elementwise over `b` and `c`; 0 where it is 0 / 0."""
    b, c = np.asarray(b, dtype=float), np.asarray(c, dtype=float)
    linear = -b - c + (2 * n - b + c) * margin
    constant = -c * margin * (1 - margin)
    alone = (np.sqrt(np.maximum(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * alone + margin * (1 - margin))
    # The tiny floor turns 0 / 0 into 0 and leaves every other table as it is.
    score: Array = (b - c - n * margin) / np.sqrt(np.maximum(variance, np.finfo(float).tiny))
    return score


def paired_p_values(b: int, c: int, *, n: int, margin: float, alpha: float) -> OneSided:
    """Exact p-values of `effect > margin` and its reverse, to be compared with level `alpha`."""
    gamma = alpha / ALPHA_PER_GAMMA
    return OneSided(
        p_pass=exact_p(b, c, n, margin=margin, gamma=gamma),
        p_fail=exact_p(c, b, n, margin=-margin, gamma=gamma),
    )


@lru_cache(maxsize=65_536)
def exact_p(b: int, c: int, n: int, *, margin: float, gamma: float) -> float:
    """P-value of H0 `effect <= margin`: the worst tail over the plausible discordances, plus gamma."""
    interval = binomtest(b + c, n).proportion_ci(1 - gamma, "exact")
    # Under H0 with effect = margin the discordance is at least |margin|.
    low, high = max(interval.low, abs(margin)), max(interval.high, abs(margin))
    pairs = _plausible_pairs(low, high, n=n)
    least_b = _least_b(pairs, score=float(tango_score(b, c, n=n, margin=margin)), n=n, margin=margin)

    def tails(discordance: Array) -> Array:
        column = discordance[:, None]
        share = np.divide(column + margin, 2 * column, out=np.full_like(column, 0.5), where=column > 0).clip(0, 1)
        chance: Array = (binom.pmf(pairs, n, column) * binom.sf(least_b - 1, pairs, share)).sum(axis=1)
        return chance

    return min(1.0, _highest(tails, low=low, high=high) + gamma)


def _plausible_pairs(low: float, high: float, *, n: int) -> NDArray[np.int64]:
    """Every number of discordant pairs that some discordance in [low, high] gives a visible chance."""
    reach = SUPPORT_SDS * np.sqrt(n * max(low * (1 - low), high * (1 - high), 1 / n)) + SUPPORT_SDS**2
    return np.arange(max(0, int(n * low - reach)), min(n, int(n * high + reach) + 1) + 1)


def _least_b(pairs: NDArray[np.int64], *, score: float, n: int, margin: float) -> NDArray[np.int64]:
    """For each number of pairs k the least b whose score reaches `score`; k + 1 where none does.

    The score rises with b at fixed k, so bisection finds it.
    """
    low, high = np.zeros_like(pairs), pairs + 1
    while np.any(low < high):
        middle = (low + high) // 2
        reached = tango_score(middle, np.maximum(pairs - middle, 0), n=n, margin=margin) >= score - TIE
        low, high = np.where(reached | (low >= high), low, middle + 1), np.where(reached, middle, high)
    return low


def _highest(tails: Callable[[Array], Array], *, low: float, high: float) -> float:
    """The largest value of `tails` on [low, high]: a grid, then finer grids around the best point."""
    best = 0.0
    for _ in range(REFINEMENTS):
        grid = np.linspace(low, high, GRID_POINTS)
        values = tails(grid)
        peak = int(np.argmax(values))
        best = max(best, float(values[peak]))
        low, high = grid[max(peak - 1, 0)], grid[min(peak + 1, GRID_POINTS - 1)]
    return best


def above_constant(k: int, *, n: int, floor: float) -> OneSided:
    """Binomial p-values of `k / n > floor` and of its reverse."""
    return OneSided(
        p_pass=float(binomtest(k, n, floor, alternative="greater").pvalue),
        p_fail=float(binomtest(k, n, floor, alternative="less").pvalue),
    )


def constant_p_values(value: float, *, margin: float, n: int) -> OneSided:
    """P-values when all `n` differences equal `value`, where no variance can be estimated.

    If the mean is at most `margin` and nothing lies below -1, at most (1 + margin) / (1 + value) of all
    differences can be as large as `value`; seeing only such has at most that chance to the power n. Exact,
    and needs no library.
    """
    return OneSided(_constant_p(value, margin=margin, n=n), _constant_p(-value, margin=-margin, n=n))


def _constant_p(value: float, *, margin: float, n: int) -> float:
    return 1.0 if value <= margin else float(((1 + margin) / (1 + value)) ** n)
