"""Turn the slices of requests into findings: on which is fine-tuning proven to be worse than which prompt?

A slice can veto and it can warn; it can never speak for fine-tuning.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.judging import JudgeRequest, SliceFinding
from harness.samples import sample_of
from harness.stats.compare import Compared, Sample, compare
from harness.wording import gap, p_value


class _Test(NamedTuple):
    """One slice against one prompt family, before it is tested."""

    slice: str
    against: str
    gate: bool
    sample: Sample


def slice_findings(requests: Sequence[JudgeRequest], *, alpha: float) -> list[SliceFinding]:
    """Every slice of every request against its prompt families, in that order; H0 each: `effect >= 0`.

    Holm's correction over all of them together keeps the chance of any wrong regression within `alpha`.
    """
    tests = [test for request in requests for test in _tests(request)]
    if not tests:
        return []
    # Holm's strictest step asks for alpha / tests, so the tests must be able to reach that.
    found = [compare(test.sample, margin=0.0, alpha=alpha / len(tests)) for test in tests]
    corrected = _holm([each.p.p_fail for each in found], alpha=alpha)
    return [_finding(*each, alpha=alpha) for each in zip(tests, found, corrected, strict=True)]


def _tests(request: JudgeRequest) -> list[_Test]:
    samples = {name: sample_of(request, other=arm) for name, arm in request.baselines.items()}
    return [
        _Test(name, family, part.gate, sample.part(np.array(part.items, dtype=np.int64)))
        for name, part in request.slices.items()
        for family, sample in samples.items()
    ]


def _holm(p: list[float], *, alpha: float) -> list[float]:
    from statsmodels.stats.multitest import multipletests  # Here, as a verdict without slices need not wait for it.

    corrected: list[float] = multipletests(p, alpha=alpha, method="holm")[1].tolist()
    return corrected


def _finding(test: _Test, found: Compared, p_holm: float, *, alpha: float) -> SliceFinding:
    regressed = p_holm <= alpha
    return SliceFinding(
        slice=test.slice,
        against=test.against,
        n=test.sample.items,
        effect=found.effect,
        low=found.low,
        high=found.high,
        p=found.p.p_fail,
        p_holm=p_holm,
        regressed=regressed,
        gate=test.gate,
        test=found.test,
        reason=_sentence(test, found, p_holm=p_holm, regressed=regressed),
    )


def _sentence(test: _Test, found: Compared, *, p_holm: float, regressed: bool) -> str:
    """The finding as a manager would say it."""
    size = f"{test.sample.items:,} item{'s' if test.sample.items != 1 else ''}"
    start = f"On {test.slice} ({size}) fine-tuning scores {gap(found.effect, against=test.against)}"
    if found.refusal:
        return f"{start}; a regression cannot be judged: {found.refusal}."
    return f"{start}; {'a' if regressed else 'no'} regression is proven (Holm {p_value(p_holm)})."
