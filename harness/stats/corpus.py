"""Turn predicted labels into macro-F1 differences with a jackknife standard error and one-sided p-values.

A corpus-level metric has no per-item value, but it is a function of sums over items. So the jackknife here
takes additive parts (one row per group of items), leaves one group out at a time and recomputes the metric:
the same code serves macro-F1, BLEU's n-gram counts and plain means over clusters.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t  # type: ignore[import-untyped, unused-ignore]

from harness.stats import OneSided
from harness.stats.exact import constant_p_values

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
Statistic = Callable[[Array], Array]
"""Turns summed parts of shape (..., parts) into one metric value per leading index, shape (...)."""

MOST_SINGLE_ITEMS = 1_000
"""Up to here each item is its own jackknife group."""
GROUPS = 50
"""Jackknife groups for larger samples."""
NO_LABEL = -1
"""Code of a missing output: it equals no true label, so it counts as wrong."""


@dataclass(frozen=True)
class Jackknife:
    """A metric, its standard error, and what each group contributed."""

    estimate: float
    """The metric on all items."""
    se: float
    """Jackknife standard error of the estimate; 0 when no group changes it."""
    groups: int
    """Groups left out in turn; the t distribution has one degree of freedom fewer."""
    pseudo_values: Array
    """Shape (groups,): one value per group whose mean is close to the estimate."""

    def p_values(self, margin: float, *, same_n: int) -> OneSided:
        """P-values of `estimate > margin` and its reverse; `same_n` items judge when all groups agree."""
        if self.se == 0:
            return constant_p_values(self.estimate, margin=margin, n=same_n)
        score = (self.estimate - margin) / self.se
        return OneSided(*(float(student_t.sf(sign * score, self.groups - 1)) for sign in (1, -1)))


def jackknife(parts: Array, *, statistic: Statistic) -> Jackknife:
    """Leave out each row of `parts`, shape (groups, parts), in turn (Efron & Tibshirani 1993, chapter 11)."""
    groups, total = len(parts), parts.sum(axis=0)
    estimate = float(statistic(total))
    if groups < 2:
        return Jackknife(estimate, se=0.0, groups=groups, pseudo_values=np.array([estimate]))
    replicates = statistic(total - parts)
    variance = (groups - 1) / groups * float(np.sum((replicates - replicates.mean()) ** 2))
    # Rounding alone moves equal replicates apart by about 1e-16.
    se = 0.0 if np.ptp(replicates) < 1e-12 else variance**0.5
    return Jackknife(estimate, se=se, groups=groups, pseudo_values=groups * estimate - (groups - 1) * replicates)


def macro_f1_parts(truth: Codes, arms: list[Codes], *, groups: Codes) -> Array:
    """Per group and class: items of the class, then per arm the predicted and the correct ones.

    Codes run from 0 to classes - 1 in `truth`; shape of the result: (groups, (1 + 2 * arms) * classes).
    """
    classes, rows = int(truth.max()) + 1, int(groups.max()) + 1

    def count(keep: NDArray[np.bool_], labels: Codes) -> Array:
        cells = np.bincount(groups[keep] * classes + labels[keep], minlength=rows * classes)
        return cells.reshape(rows, classes).astype(float)

    columns = [count(truth >= 0, truth)]
    for arm in arms:
        columns += [count(arm >= 0, arm), count(arm == truth, truth)]
    return np.concatenate(columns, axis=1)


def macro_f1_difference(arms: int, *, classes: int, against: float | None = None) -> Statistic:
    """Metric over `macro_f1_parts`: mean macro-F1 of all arms but the last, minus the last's or a constant.

    A class with no true item among those summed is left out of the mean, as it has no F1 there.
    """

    def statistic(summed: Array) -> Array:
        blocks = summed.reshape(*summed.shape[:-1], 1 + 2 * arms, classes)
        scores = np.stack([_macro_f1(blocks[..., 0, :], *_arm(blocks, i)) for i in range(arms)])
        tuned, other = (scores[:-1], scores[-1]) if against is None else (scores, against)
        difference: Array = tuned.mean(axis=0) - other
        return difference

    return statistic


def _arm(blocks: Array, index: int) -> tuple[Array, Array]:
    return blocks[..., 1 + 2 * index, :], blocks[..., 2 + 2 * index, :]


def _macro_f1(actual: Array, predicted: Array, correct: Array) -> Array:
    present = actual > 0
    f1 = 2 * correct / np.maximum(actual + predicted, 1.0)
    mean: Array = np.sum(f1 * present, axis=-1) / np.maximum(present.sum(axis=-1), 1)
    return mean


def item_groups(*columns: Codes, seed: int = 0) -> Codes:
    """Jackknife group of each item: its own, or one of `GROUPS` random ones; item order does not matter."""
    n = len(columns[0])
    if n <= MOST_SINGLE_ITEMS:
        return np.arange(n)
    # Equal items are interchangeable, so shuffling them in sorted order fixes the groups' content. Dealing
    # the sorted items out in turn would not do: groups too much alike understate the variance.
    order = np.lexsort(columns)[np.random.default_rng(seed).permutation(n)]
    groups = np.empty(n, dtype=np.int64)
    groups[order] = np.arange(n) % GROUPS
    return groups


def evidence_items(truth: Codes) -> int:
    """Items that speak when all groups agree: classes weigh equally, so the rarest one sets the number."""
    counts = np.bincount(truth)
    return int(len(counts) * counts.min())
