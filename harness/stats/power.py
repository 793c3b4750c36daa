"""Turn a sample size into what it can show, and what is to be shown into the sample size it takes.

Normal approximations, planning only; a share above a floor is exact. Nothing here enters a verdict but
`items_needed` and `seeds_needed`, which tell what an unresolved condition lacks.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta as beta_distribution  # type: ignore[import-untyped, unused-ignore]
from scipy.stats import binom, norm
from scipy.stats import t as student_t

from harness.stats.exact import ALPHA_PER_GAMMA, tango_score

BETA = 0.2
"""Accepted chance of missing a true gain: 80 % power."""
ROUNDING = 1e-12
"""An effect this close to the margin may be the margin itself: .52 - .5 is a little more than .02."""
KEPT_DISCORDANCE = 0.1
"""Share of the items on which a model and what was made of it disagree, where nothing was lost."""
MOST_SEEDS = 100
"""More trainings than this are no advice."""


def design_effect(mean_cluster_size: float, *, icc: float) -> float:
    """Factor by which clusters of this size inflate the variance; `icc` is the intra-cluster correlation."""
    return 1 + (mean_cluster_size - 1) * icc


class Spread(NamedTuple):
    """How one number varies between items."""

    variance: float
    icc: float
    """Correlation within a cluster; 1: a cluster counts once, however many items it has."""


def score_spread(scores: Sequence[float], *, clusters: Sequence[str]) -> Spread:
    """Of one arm's score."""
    values = np.array(scores, dtype=float)
    return Spread(float(values.var(ddof=1)) if len(values) > 1 else 0.0, _icc(values, clusters))


def widest_spread(arms: Sequence[Sequence[float]], *, clusters: Sequence[str], graded: bool) -> Spread | None:
    """Of the difference of the two arms that disagree most; None where no two arms differ.

    Graded scores: the variance of the differences. Right or wrong: the share of items on which they disagree,
    which is what `minimum_detectable_effect` asks for and never smaller than the variance.
    """
    pairs = [np.subtract(a, b, dtype=float) for a, b in combinations(arms, 2)]
    if not pairs or len(pairs[0]) < 2:
        return None
    found = [float(d.var(ddof=1) if graded else (d**2).mean()) for d in pairs]
    widest = max(range(len(pairs)), key=found.__getitem__)
    return Spread(found[widest], _icc(pairs[widest], clusters)) if found[widest] > 0 else None


def _icc(values: NDArray[np.float64], clusters: Sequence[str]) -> float:
    index = {name: code for code, name in enumerate(sorted(set(clusters)))}
    return intra_cluster_correlation(values, clusters=np.array([index[name] for name in clusters]))


def intra_cluster_correlation(values: NDArray[np.float64], *, clusters: NDArray[np.int64]) -> float:
    """Share of the variance that lies between clusters, clipped to [0, 1]; codes are 0 to clusters - 1.

    The one-way ANOVA estimator with the mean size corrected for unequal clusters (Donner 1986, Int. Stat. Rev.
    54; Ukoumunne 2002, Stat. Med. 21). 0 where every cluster is one item, 1 where there is but one cluster.
    """
    sizes = np.bincount(clusters).astype(float)
    groups, n = len(sizes), len(values)
    if groups in (1, n):
        return 1.0 if n > groups else 0.0
    means = np.bincount(clusters, weights=values) / sizes
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (groups - 1)
    within = float(((values - means[clusters]) ** 2).sum()) / (n - groups)
    size = (n - float((sizes**2).sum()) / n) / (groups - 1)
    total = between + (size - 1) * within
    return min(1.0, max(0.0, (between - within) / total)) if total > 0 else 0.0


def minimum_detectable_effect(
    n: int,
    *,
    discordance: float,
    margin: float,
    alpha: float,
    conditions: int = 1,
    deff: float = 1.0,
    beta: float = BETA,
    room: float | None = None,
) -> float:
    """Smallest true gain that `n` items find with probability 1 - beta, all `conditions` together.

    `discordance` is the share of items on which the two arms disagree, or the variance of graded differences;
    the power lost is split over the conditions. `room` is what the other arm leaves to gain: an arm that gains g is
    better on a share `room` of the items at most, so the two cannot disagree on more than 2 * room - g. The answer
    exceeds `room` where not even all of it would be found.
    """
    unit = _quantiles(alpha, beta=beta, conditions=conditions) ** 2 * deff / n
    plain = margin + math.sqrt(unit * discordance)
    if room is None:
        return plain
    # Solves (g - margin)^2 = unit * (2 * room - g).
    bounded = margin - unit / 2 + math.sqrt(max(0.0, unit**2 / 4 + unit * (2 * room - margin)))
    return min(plain, bounded if margin <= bounded <= room else margin + math.sqrt(unit * room))


def items_for(
    effect: float,
    *,
    margin: float,
    variance: float,
    alpha: float,
    conditions: int = 1,
    deff: float = 1.0,
    beta: float = BETA,
) -> int | None:
    """Items that prove a true `effect` above `margin` with probability 1 - beta; None when it is not above it.

    `variance` is that of the paired differences, for right or wrong answers the discordance.
    """
    if effect <= margin:
        return None
    ratio = _quantiles(alpha, beta=beta, conditions=conditions) / (effect - margin)
    # The tiny step keeps 100.0000001 from becoming 101.
    return max(1, math.ceil(ratio**2 * variance * deff - 1e-6))


def items_needed(
    n: int, *, effect: float, margin: float, se: float, alpha: float, beta: float = BETA, held: float = 0.0
) -> int | None:
    """Items that would prove an effect as large as the one seen on `n` items, with probability 1 - beta.

    `se` is the cluster-robust standard error at `n`; `held` is what the lead has to exceed for the seeds alone
    (`seeds_reach`), which no number of items makes smaller. None when the effect is not above the margin by more than
    that, or than rounding: more items are then not expected to help.
    """
    lead = effect - margin
    if lead <= max(ROUNDING, held):
        return None
    if se == 0:  # Nothing varied: what the worst discordance leaves in the exact test, solved for n.
        left = alpha * (1 - 1 / ALPHA_PER_GAMMA)
        return max(math.ceil(math.log(left) / math.log((1 + margin) / (1 + effect))), n + 1)
    ratio, left = _quantiles(alpha, beta=beta) * se / lead, 1 - (held / lead) ** 2
    # The question is only asked of unresolved results, and those need at least one item more.
    return max(math.ceil(n * ratio**2 / left), n + 1) if left > 0 else None


def seeds_reach(se_seeds: float, *, seeds: int, alpha: float, beta: float = BETA) -> float:
    """How far above the margin an effect has to lie because of so many training seeds, if items left no doubt.

    Few seeds are few degrees of freedom, so these are Student's quantiles: of three seeds 4.0 standard errors for 80 %
    power at 5 %, where a normal error takes 2.5.
    """
    return float(student_t.isf(alpha, seeds - 1) + student_t.isf(beta, seeds - 1)) * se_seeds


def seeds_needed(
    seeds: int, *, effect: float, margin: float, se: float, se_seeds: float, alpha: float, beta: float = BETA
) -> int | None:
    """Training seeds that would prove an effect as large as the one seen of `seeds`, on the same items.

    `se` is the standard error over the items, `se_seeds` that over the seeds. None where no number up to `MOST_SEEDS`
    does: the items then leave too much in doubt themselves.
    """
    left = (effect - margin) ** 2 - (_quantiles(alpha, beta=beta) * se) ** 2
    for more in range(seeds + 1, MOST_SEEDS + 1):
        if seeds_reach(se_seeds * math.sqrt(seeds / more), seeds=more, alpha=alpha, beta=beta) ** 2 <= left:
            return more
    return None


def noninferiority_power(n: int, *, margin: float, discordance: float, alpha: float, deff: float = 1.0) -> float:
    """Chance that `n` items prove a loss smaller than `margin` when there is none at all."""
    null, true = _deviations(margin, discordance=discordance)
    scale = math.sqrt(deff / n)
    return float(norm.cdf((margin - norm.isf(alpha) * null * scale) / (true * scale)))


def noninferiority_items(
    *, margin: float, discordance: float, alpha: float, deff: float = 1.0, beta: float = BETA
) -> int:
    """Items that prove a loss smaller than `margin` with probability 1 - beta when there is none at all."""
    return math.ceil(deff * (_reach(margin, discordance=discordance, alpha=alpha, beta=beta) / margin) ** 2)


def passing_change(
    n: int, *, margin: float, discordance: float, alpha: float, deff: float = 1.0, beta: float = BETA
) -> float:
    """The true change that still passes with probability 1 - beta; above 0 the arm has to become better to pass."""
    return _reach(margin, discordance=discordance, alpha=alpha, beta=beta) * math.sqrt(deff / n) - margin


@lru_cache(maxsize=4096)
def provable_score(
    n: int, *, floor: float, alpha: float, variance: float | None = None, deff: float = 1.0, beta: float = BETA
) -> float | None:
    """Smallest true score that `n` items prove to lie above `floor` with probability 1 - beta; None: no score.

    Graded scores have a `variance`. Right or wrong answers have none of their own, and are exact: the least count k
    that the binomial test accepts, then the share that reaches k often enough (a binomial's tail is a beta
    distribution); clusters make it a test of n / deff items.
    """
    if variance is not None:
        found = floor + _quantiles(alpha, beta=beta) * math.sqrt(variance * deff / n)
        return found if found <= 1 else None
    alone = max(1, int(n / deff))
    least = int(binom.isf(alpha, alone, floor)) + 1
    return None if least > alone else float(beta_distribution.ppf(1 - beta, least, alone - least + 1))


@lru_cache(maxsize=4096)
def items_for_score(
    score: float, *, floor: float, alpha: float, variance: float | None = None, deff: float = 1.0, beta: float = BETA
) -> int | None:
    """About how many items prove a true `score` above `floor` with probability 1 - beta; None when it is not above."""
    if variance is not None or score <= floor:
        return items_for(score, margin=floor, variance=variance or 0.0, alpha=alpha, deff=deff, beta=beta)
    if score >= 1:  # All n are right then, which a score at the floor brings about with chance floor^n.
        return math.ceil(math.ceil(math.log(alpha) / math.log(floor)) * deff)

    def enough(n: int) -> bool:
        provable = provable_score(n, floor=floor, alpha=alpha, beta=beta)
        return provable is not None and provable <= score

    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return math.ceil(high * deff)


class _Deviations(NamedTuple):
    """Standard deviations of one paired difference."""

    null: float
    """Where the loss is exactly the margin, as the score test estimates it."""
    true: float
    """Where nothing was lost."""


def _deviations(margin: float, *, discordance: float) -> _Deviations:
    """The score statistic divides by its null deviation (Tango 1998), so it tells that deviation.

    Taking the true one for both would flatter 100 items by 3 points of power.
    """
    half = discordance / 2
    if margin == 0:  # No loss and a loss of the margin are then the same.
        return _Deviations(math.sqrt(discordance), math.sqrt(discordance))
    return _Deviations(margin / float(tango_score(half, half, n=1, margin=-margin)), math.sqrt(discordance))


def _reach(margin: float, *, discordance: float, alpha: float, beta: float) -> float:
    """How far above minus the margin the change has to lie, times the root of the sample size."""
    null, true = _deviations(margin, discordance=discordance)
    return float(norm.isf(alpha) * null + norm.isf(beta) * true)


def _quantiles(alpha: float, *, beta: float, conditions: int = 1) -> float:
    return float(norm.isf(alpha) + norm.isf(beta / conditions))
