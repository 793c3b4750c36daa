"""Turn the data of one condition into a two-sided interval that describes it; no gate reads these."""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq  # type: ignore[import-untyped, unused-ignore]
from scipy.stats import (  # type: ignore[import-untyped, unused-ignore]
    binomtest,
    bootstrap,
    norm,
)
from scipy.stats import t as student_t

from harness.stats.exact import tango_score

Array = NDArray[np.float64]
Interval = tuple[float, float]

LEVEL = 0.9
"""Two-sided 90 %: its ends correspond to the one-sided tests at the default alpha of .05."""
MOST_BCA_ITEMS = 1_000
"""BCa jackknifes every item; beyond this size the t interval is the same to the eye."""
BCA_DRAWS = 1_999


def tango_interval(b: int, c: int, *, n: int) -> Interval:
    """Interval of the paired difference (b - c) / n by inverting Tango's score test (Tango 1998)."""
    z, effect = float(norm.ppf((1 + LEVEL) / 2)), (b - c) / n

    def end(sign: int) -> float:
        far = sign * (1 - 1e-9)  # At exactly +-1 the constrained variance vanishes.

        def gap(margin: float) -> float:
            return float(tango_score(b, c, n=n, margin=margin)) + sign * z

        if sign * (far - effect) <= 0 or sign * gap(far) >= 0:
            return float(sign)
        return float(brentq(gap, effect, far))

    return end(-1), end(1)


def share_interval(k: int, *, n: int) -> Interval:
    """Wilson's interval of a share k / n."""
    interval = binomtest(k, n).proportion_ci(LEVEL, "wilson")
    return float(interval.low), float(interval.high)


def t_interval(effect: float, *, se: float, df: float) -> Interval:
    """Effect plus and minus t times its standard error, cut to [-1, 1]."""
    reach = float(student_t.ppf((1 + LEVEL) / 2, df)) * se if se > 0 else 0.0
    return max(-1.0, effect - reach), min(1.0, effect + reach)


def mean_interval(values: Array, *, se: float, seed: int = 0) -> Interval:
    """BCa interval of a mean (Efron 1987); t beyond `MOST_BCA_ITEMS` items and where BCa is undefined."""
    n = len(values)
    fallback = t_interval(float(np.mean(values)), se=se, df=max(n - 1, 1))
    if n > MOST_BCA_ITEMS or n < 2 or se == 0:
        return fallback
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Nearly constant data: BCa says NaN and warns; the fallback answers.
        result = bootstrap(
            (np.sort(values),),  # Sorted: a seeded bootstrap otherwise depends on the order of the items.
            np.mean,
            n_resamples=BCA_DRAWS,
            confidence_level=LEVEL,
            method="BCa",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    low, high = float(result.low), float(result.high)
    return (low, high) if np.isfinite(low) and np.isfinite(high) else fallback
