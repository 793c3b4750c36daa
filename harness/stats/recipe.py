"""Turn effects of several training seeds into p-values about the recipe, not about one adapter.

Two things vary: the test items and the seed. Their variances add, and Satterthwaite's formula gives the
degrees of freedom of the sum (Satterthwaite 1946; Bouthillier et al. 2021 on seeds in the error bar). The verdict
also asks the item-level test of the mean over seeds, which holds where t does not; the larger p counts.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t  # type: ignore[import-untyped, unused-ignore]

from harness.stats import OneSided
from harness.stats.corpus import Jackknife
from harness.stats.exact import constant_p_values

Array = NDArray[np.float64]

FEWEST_SEEDS = 3
"""Fewer seeds say nothing usable about their spread."""


@dataclass(frozen=True)
class Pooled:
    """The effect of a recipe, with the uncertainty of items and seeds together."""

    effect: float
    """Mean effect over the seeds."""
    se_items: float
    """Standard error over items or clusters: the root of s2_items / n."""
    se_seeds: float
    """Standard error over seeds: the root of s2_seeds / S."""
    df: float
    """Satterthwaite degrees of freedom."""

    @property
    def se(self) -> float:
        """Both parts together."""
        return math.hypot(self.se_items, self.se_seeds)

    def p_values(self, margin: float, *, same_n: int) -> OneSided:
        """P-values of `effect > margin` and its reverse; `same_n` items judge when nothing varies at all."""
        if self.se == 0:
            return constant_p_values(self.effect, margin=margin, n=same_n).cautious()
        score = (self.effect - margin) / self.se
        return OneSided(*(float(student_t.sf(sign * score, self.df)) for sign in (1, -1))).cautious()


def pooled(seed_effects: Array, *, items: Jackknife) -> Pooled:
    """Add the variance over seeds to that over items.

    `seed_effects` has shape (seeds,), at least 2; `items` jackknifes the mean over seeds by item or cluster.
    """
    se_seeds, seeds = seed_error(seed_effects), len(seed_effects)
    by_items, by_seeds = items.se**2, se_seeds**2
    total = by_items + by_seeds
    # A part without any variance drops out, also when a single group leaves it no degree of freedom.
    lost = sum(part**2 / df for part, df in ((by_items, items.groups - 1), (by_seeds, seeds - 1)) if part > 0)
    df = total**2 / lost if lost > 0 else 1.0
    return Pooled(items.estimate, se_items=items.se, se_seeds=se_seeds, df=df)


def seed_error(seed_effects: Array) -> float:
    """Standard error of the mean of `seed_effects`, shape (seeds,), at least 2."""
    return math.sqrt(float(np.var(np.sort(seed_effects), ddof=1)) / len(seed_effects))
