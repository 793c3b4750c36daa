"""Turn a sample size into the smallest gain it can show, and an unresolved result into the size it lacks."""

import math

from scipy.stats import norm  # type: ignore[import-untyped, unused-ignore]

BETA = 0.2
"""Accepted chance of missing a true gain: 80 % power."""


def design_effect(mean_cluster_size: float, *, icc: float) -> float:
    """Factor by which clusters of this size inflate the variance; `icc` is the intra-cluster correlation."""
    return 1 + (mean_cluster_size - 1) * icc


def minimum_detectable_effect(
    n: int,
    *,
    discordance: float,
    margin: float,
    alpha: float,
    conditions: int = 1,
    deff: float = 1.0,
    beta: float = BETA,
) -> float:
    """Smallest true gain that `n` items find with probability 1 - beta, all `conditions` together.

    `discordance` is the share of items on which the two arms disagree; the power lost is split over the
    conditions.
    """
    quantiles = norm.isf(alpha) + norm.isf(beta / conditions)
    return float(margin + quantiles * math.sqrt(discordance * deff / n))


def items_needed(n: int, *, effect: float, margin: float, se: float, alpha: float, beta: float = BETA) -> int | None:
    """Items that would prove an effect as large as the one seen on `n` items, with probability 1 - beta.

    `se` is the cluster-robust standard error at `n`. None when the effect is not above the margin: more
    items are then not expected to help.
    """
    if effect <= margin:
        return None
    if se == 0:  # Nothing varied: the bound of `exact.constant_p_values`, solved for n.
        return max(math.ceil(math.log(alpha) / math.log((1 + margin) / (1 + effect))), n + 1)
    ratio = float(norm.isf(alpha) + norm.isf(beta)) * se / (effect - margin)
    # The question is only asked of unresolved results, and those need at least one item more.
    return max(math.ceil(n * ratio**2), n + 1)
