"""Turn the slices of requests into findings: on which is fine-tuning proven to be worse than which prompt?

A slice can veto and it can warn; it can never speak for fine-tuning.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.judging import JudgeRequest, SliceFinding
from harness.samples import sample_of
from harness.stats.compare import Compared, Sample, compare
from harness.wording import counted, gap, p_value


class _Test(NamedTuple):
    """One slice against one prompt family, before it is tested."""

    slice: str
    against: str
    gate: bool
    sample: Sample


def slice_findings(requests: Sequence[JudgeRequest], *, alpha: float) -> list[SliceFinding]:
    """Every slice of every request against its prompt families, in that order; H0 each: `effect >= 0`.

    Holm's correction over all of them that can be tested keeps the chance of any wrong regression within `alpha`. It
    makes each harder to prove the more there are, so it alone must not let FINE_TUNE pass: a gated slice withholds
    that by its own uncorrected p, which no further slice or family can change.
    """
    tests = [test for request in requests for test in _tests(request)]
    found = [compare(test.sample, margin=0.0, alpha=alpha) for test in tests]
    corrected = _corrected(tests, found, alpha=alpha)
    return [_finding(*each, alpha=alpha) for each in zip(tests, found, corrected, strict=True)]


def _corrected(tests: list[_Test], found: list[Compared], *, alpha: float) -> list[float]:
    """Holm's p of each; 1 where a test refused to answer, and then it costs the others nothing."""
    places = [place for place, each in enumerate(found) if not each.refusal]
    if not places:
        return [1.0] * len(tests)
    # Holm's strictest step asks for alpha / tests, so the tests must be able to reach that.
    strict = [compare(tests[place].sample, margin=0.0, alpha=alpha / len(places)).p.p_fail for place in places]
    known = dict(zip(places, _holm(strict, alpha=alpha), strict=True))
    return [max(known[place], each.p.p_fail) if place in known else 1.0 for place, each in enumerate(found)]


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
    regressed, withholds = p_holm <= alpha, test.gate and found.p.p_fail <= alpha
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
        withholds=withholds,
        test=found.test,
        reason=_sentence(test, found, p_holm=p_holm, regressed=regressed, withholds=withholds),
    )


def _sentence(test: _Test, found: Compared, *, p_holm: float, regressed: bool, withholds: bool) -> str:
    """The finding as a manager would say it."""
    size, lead = counted(test.sample.items, "item"), gap(found.effect, against=test.against)
    start = f"On {test.slice} ({size}) fine-tuning scores {lead}"
    if found.refusal:
        return f"{start}; a regression cannot be judged: {found.refusal}."
    if withholds and not regressed:
        alone = f"{p_value(found.p.p_fail)} alone, Holm {p_value(p_holm)} among all slices"
        return f"{start}; a regression is not proven, but cannot be set aside ({alone})."
    return f"{start}; {'a' if regressed else 'no'} regression is proven (Holm {p_value(p_holm)})."
