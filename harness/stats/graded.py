"""Turn paired differences of graded scores into one-sided p-values that survive skew and rare collapses.

Two tests must agree: Student's t and the studentised bootstrap, both with one pessimistic pseudo-item
appended, so that a sample which happened to miss a rare collapse does not look certain. Wilcoxon and the
percentile bootstrap are not used: their size for means reaches 1.0 and .13.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ttest_1samp  # type: ignore[import-untyped, unused-ignore]

from harness.stats import OneSided
from harness.stats.exact import constant_p_values

Array = NDArray[np.float64]

SCORE_RANGE = 1.0
"""Graded scores lie in [0, 1]."""
PSEUDO_SHARE = -0.5
"""The pseudo-item is this share of the score range, against the direction tested."""
DRAWS = 9_999
"""Bootstrap samples where nothing asks for more or fewer."""
FEWEST_DRAWS, MOST_DRAWS = 1_999, 199_999
DRAWS_PER_ALPHA = 20
"""A level alpha needs at least this many draws per 1 / alpha, or no p could reach it."""
WORK = 300_000_000
"""Items drawn in all: keeps 100,000 items within seconds; the Monte-Carlo error at p = .05 is then .005."""
CHUNK = 1_000_000
"""Items drawn at a time: the index and value arrays then take 16 MB."""
ROUNDING = 1e-12
"""Differences of scores this close are equal: .3 - .8 and .2 - .7 differ in the last bit."""


def graded_p_values(differences: Array, *, margin: float, alpha: float, seed: int = 0) -> OneSided:
    """P-values of `mean(differences) > margin` and its reverse; `differences` of shape (items,) in [-1, 1].

    The order of the items does not matter, and negating differences and margin swaps the two p-values
    exactly.
    """
    if np.ptp(differences) <= ROUNDING:
        return constant_p_values(float(differences[0]), margin=margin, n=len(differences))
    return OneSided(
        p_pass=_greater_p(differences, margin=margin, alpha=alpha, seed=seed),
        p_fail=_greater_p(-differences, margin=-margin, alpha=alpha, seed=seed),
    )


def _greater_p(differences: Array, *, margin: float, alpha: float, seed: int) -> float:
    # Sorted, because a seeded bootstrap would otherwise depend on the order of the items.
    d = np.sort(np.append(differences, PSEUDO_SHARE * SCORE_RANGE))
    student = float(ttest_1samp(d, margin, alternative="greater").pvalue)
    return max(student, _bootstrap_p(d, margin=margin, draws=draws_for(len(d), alpha=alpha), seed=seed))


def draws_for(items: int, *, alpha: float) -> int:
    """Bootstrap samples for `items` items at level `alpha`: enough to reach it, few enough to be quick."""
    wanted = min(max(DRAWS, math.ceil(DRAWS_PER_ALPHA / alpha)), MOST_DRAWS)
    return max(FEWEST_DRAWS, min(wanted, WORK // items))


def _bootstrap_p(d: Array, *, margin: float, draws: int, seed: int) -> float:
    """Share of resamples whose studentised mean is at least the observed one (Hall & Wilson 1991)."""
    n, mean = len(d), float(d.mean())
    centred = d - mean
    observed = (mean - margin) / _standard_error(centred[None, :])[0]
    # SFC64 is the quickest generator NumPy has; a fixed seed makes a stored verdict reproducible.
    rng, extreme, left = np.random.Generator(np.random.SFC64(seed)), 0, draws
    while left:
        rows = min(left, max(1, CHUNK // n))
        sample = centred.take(rng.integers(0, n, size=(rows, n), dtype=np.int64))
        extreme += int(np.count_nonzero(_at_least(sample, observed)))
        left -= rows
    return (1 + extreme) / (draws + 1)


def _at_least(sample: Array, observed: float) -> NDArray[np.bool_]:
    # Compared without dividing: equal values have no spread, and count when their mean is not below.
    reached: NDArray[np.bool_] = sample.mean(axis=1) >= observed * _standard_error(sample) - ROUNDING
    return reached


def _standard_error(sample: Array) -> Array:
    """Standard error of each row's mean; `sample` of shape (rows, items)."""
    n = sample.shape[1]
    # One pass over the rows; the values are centred, so no digits are lost.
    squares = np.einsum("ij,ij->i", sample, sample) - n * sample.mean(axis=1) ** 2
    error: Array = np.sqrt(np.maximum(squares, 0.0) / (n * (n - 1)))
    return error
