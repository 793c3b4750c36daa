"""Turn paired per-item results into one-sided p-values, intervals and item counts.

`exact` (binary items), `graded` (scores in [0, 1]), `corpus` (macro-F1), `clustered` (items that share a
source), `recipe` (several training seeds), `power` (how many items), `intervals` (for the eye only). The
tests and their measured error rates are listed in the verdict procedure; numpy and scipy are imported in
these modules only.
"""

from typing import NamedTuple

SMALL_SAMPLE_FACTOR = 1.25
"""Factor on every p that leans on t with few groups: its measured size then stays below alpha."""


class OneSided(NamedTuple):
    """The two one-sided p-values of one condition `effect > margin`."""

    p_pass: float
    """Small when the condition holds: the p-value of H0 `effect <= margin`."""
    p_fail: float
    """Small when the condition is broken: the p-value of H0 `effect >= margin`."""

    def cautious(self) -> "OneSided":
        """Both p-values times `SMALL_SAMPLE_FACTOR`, at most 1."""
        return OneSided(*(min(1.0, SMALL_SAMPLE_FACTOR * p) for p in self))


NO_EVIDENCE = OneSided(p_pass=1.0, p_fail=1.0)
"""What a refused test returns: neither direction is proven."""


def worst(*pairs: OneSided) -> OneSided:
    """The larger p-value in each direction: every test must agree."""
    return OneSided(max(p.p_pass for p in pairs), max(p.p_fail for p in pairs))
