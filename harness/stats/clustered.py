"""Turn differences of items that share a source into one-sided p-values that count sources, not items.

Three tests must agree: a jackknife over clusters, sign flips of whole clusters, and the test that ignores
clusters. An item-level t alone has size .10 on clustered items (Cameron & Miller 2015 on few clusters).
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test  # type: ignore[import-untyped, unused-ignore]

from harness.stats import NO_EVIDENCE, OneSided, worst
from harness.stats.corpus import Jackknife

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

FEWEST_CLUSTERS = 20
"""Below this no cluster test keeps its level; the answer is p = 1."""
FLIPS = 9_999
"""Random sign patterns where nothing asks for more or fewer."""
FEWEST_FLIPS, MOST_FLIPS = 1_999, 199_999
FLIPS_PER_ALPHA = 25
"""A level alpha needs at least this many flips per 1 / alpha, or no p could reach it."""
WORK = 5_000_000
"""Signs drawn in all: keeps thousands of clusters within a second."""
BATCH_CELLS = 1_000_000
"""Signs held in memory at a time."""


def clustered_p_values(
    jack: Jackknife, *, sums: Array, item_level: OneSided, margin: float, alpha: float, seed: int = 0
) -> OneSided:
    """P-values of `effect > margin` and its reverse.

    `jack` leaves out whole clusters; `sums` of shape (clusters,) are the cluster sums of difference minus
    margin; `item_level` is the test that ignores clusters. Fewer than `FEWEST_CLUSTERS`: (1, 1).
    """
    if jack.groups < FEWEST_CLUSTERS:
        return NO_EVIDENCE
    flips = OneSided(*(_sign_flip_p(sign * sums, alpha=alpha, seed=seed) for sign in (1, -1)))
    return worst(jack.p_values(margin, same_n=jack.groups), flips, item_level).cautious()


def cluster_parts(differences: Array, *, clusters: Codes) -> Array:
    """Per cluster the sum of differences and the item count, shape (clusters, 2); order does not matter."""
    order = np.lexsort((differences, clusters))  # A fixed order of addition gives the same last bit every time.
    sums = np.bincount(clusters[order], weights=differences[order])
    return np.stack([sums, np.bincount(clusters).astype(float)], axis=1)


def mean_of_parts(summed: Array) -> Array:
    """The mean over items from `cluster_parts` rows or sums of them."""
    mean: Array = summed[..., 0] / summed[..., 1]
    return mean


def _sign_flip_p(sums: Array, *, alpha: float, seed: int) -> float:
    """Share of sign patterns whose total is at least the observed one."""
    wanted = min(max(FLIPS, math.ceil(FLIPS_PER_ALPHA / alpha)), MOST_FLIPS)
    result = permutation_test(
        # Sorted, because seeded flips would otherwise depend on the clusters' names.
        (np.sort(sums),),
        lambda values, axis: np.sum(values, axis=axis),
        permutation_type="samples",
        alternative="greater",
        n_resamples=max(FEWEST_FLIPS, min(wanted, WORK // len(sums))),
        vectorized=True,
        batch=max(1, BATCH_CELLS // len(sums)),
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)
