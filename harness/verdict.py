"""Turn a `JudgeRequest` into a `Judgement`: FINE_TUNE, PROMPT or INCONCLUSIVE, with the evidence.

FINE_TUNE needs every condition proven at level alpha (an intersection-union test, so alpha needs no
correction); PROMPT needs one condition disproven at alpha / K. Pure: no files, no clock, no randomness that
is not seeded.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.judging import Arm, Condition, Forgetting, Judgement, JudgeRequest, Outcome, Verdict, label_key
from harness.stats.compare import Compared, Sample, compare
from harness.stats.corpus import NO_LABEL
from harness.stats.power import items_needed

Array = NDArray[np.float64]

SPENDING_RATIO = 3.0
"""Each planned look may spend a third of the look before it; their sum stays within alpha."""
FEWEST_FORGETTING_ITEMS = 1_000
"""With a margin of .03 and no true drop, 500 items pass only two times in three."""
RESAMPLING_LIMIT = 1e-3
"""Below this level the resampling tests may run out of draws."""


class _Claim(NamedTuple):
    """One condition before it is tested."""

    cond: str
    sample: Sample
    margin: float
    subject: str
    """Whom the effect is against, for the sentence; empty for a floor."""
    claim: str
    """What is to be proven, for the sentence."""
    warnings: list[str]


def decide(request: JudgeRequest) -> Judgement:
    """The verdict on `request`; the same request always gives the same judgement."""
    return decide_jointly([request])


def decide_jointly(requests: Sequence[JudgeRequest]) -> Judgement:
    """One verdict on conditions of several metrics over the same items: all must be proven.

    Conditions keep the order of the requests, each request's in the order beats, keeps, floor. Level and looks
    are those of the first request.
    """
    request = requests[0]
    alpha, claims = look_alpha(request), [claim for each in requests for claim in _claims(each)]
    conditions = [_condition(claim, alpha=alpha, count=len(claims)) for claim in claims]
    spent = request.prior_uses_of_test_set >= request.planned_looks
    verdict = _verdict(conditions, spent=spent)
    reasons = _reasons(verdict, conditions, alpha=alpha)
    if spent:
        reasons = ["test_set_spent", _spent_sentence(request), *reasons]
    return Judgement(verdict=verdict, reasons=reasons, conditions=conditions, alpha=alpha)


def look_alpha(request: JudgeRequest) -> float:
    """The level of this look, (alpha / L) * 3^-(j - 1); looks beyond the planned ones get the last level."""
    look = min(request.prior_uses_of_test_set + 1, request.planned_looks)
    return request.alpha / request.planned_looks * SPENDING_RATIO ** (1 - look)


def _verdict(conditions: list[Condition], *, spent: bool) -> Verdict:
    outcomes = {condition.outcome for condition in conditions}
    if outcomes == {"pass"} and not spent:
        return "FINE_TUNE"
    return "PROMPT" if "fail" in outcomes else "INCONCLUSIVE"


def _claims(request: JudgeRequest) -> list[_Claim]:
    claims = [_beats(request, name=name) for name in request.baselines]
    claims += [_keeps(name, bench, scope=request.scope) for name, bench in request.forgetting.items()]
    if request.floor is not None:
        sample = _sample(request, other=None)
        claim = f"a score above the floor of {_points(request.floor)}"
        claims.append(_Claim("floor", sample, request.floor, "", claim, _missing(request, other=None)))
    return claims


def _beats(request: JudgeRequest, *, name: str) -> _Claim:
    other, claim = request.baselines[name], f"a gain of more than {_points(request.delta)}"
    sample, warnings = _sample(request, other=other), _missing(request, other=other)
    return _Claim(f"beats:{name}", sample, request.delta, name, claim, warnings)


def _keeps(name: str, bench: Forgetting, *, scope: str) -> _Claim:
    warnings = []
    if len(bench.ft) < FEWEST_FORGETTING_ITEMS:
        warnings.append(f"{len(bench.ft)} items: below {FEWEST_FORGETTING_ITEMS} a harmless model often fails to pass")
    if scope == "recipe":
        warnings.append("this benchmark was scored for one adapter, so it says nothing about other seeds")
    clusters = None if bench.clusters is None else _codes(bench.clusters)
    sample = Sample("binary", _scores(bench.ft)[None, :], _scores(bench.base), clusters=clusters)
    claim = f"a loss smaller than {_points(bench.margin)}"
    return _Claim(f"keeps:{name}", sample, -bench.margin, f"the base model on {name}", claim, warnings)


def _sample(request: JudgeRequest, *, other: Arm | None) -> Sample:
    """One condition's data as arrays; a missing output is wrong: score 0, or a label that never matches."""
    tuned, truth, index = _tuned(request), None, {}
    if request.metric == "macro_f1" and request.y is not None:
        index = {key: code for code, key in enumerate(sorted({label_key(label) for label in request.y}))}
        truth = _labels(list(request.y), index=index).astype(np.int64)

    def row(arm: Arm) -> Array:
        return _scores(arm) if truth is None else _labels(arm, index=index)

    return Sample(
        request.metric,
        np.stack([row(arm) for arm in tuned]),
        None if other is None else row(other),
        truth=truth,
        clusters=None if request.clusters is None else _codes(request.clusters),
        many_seeds=request.scope == "recipe",
    )


def _tuned(request: JudgeRequest) -> list[Arm]:
    return list(request.ft) if request.scope == "recipe" else [request.ft[request.chosen_seed]]


def _scores(arm: Arm) -> Array:
    return np.array([0.0 if cell is None else float(cell) for cell in arm])


def _labels(arm: Arm, *, index: dict[str, int]) -> Array:
    return np.array([NO_LABEL if cell is None else index[label_key(cell)] for cell in arm], dtype=float)


def _codes(clusters: list[int | str]) -> NDArray[np.int64]:
    index: dict[int | str, int] = {}
    return np.array([index.setdefault(cluster, len(index)) for cluster in clusters], dtype=np.int64)


def _missing(request: JudgeRequest, *, other: Arm | None) -> list[str]:
    arms = [*_tuned(request)] if other is None else [*_tuned(request), other]
    count = sum(cell is None for arm in arms for cell in arm)
    return [f"{count} outputs are missing and count as wrong"] if count else []


def _condition(claim: _Claim, *, alpha: float, count: int) -> Condition:
    """Test one claim: proven at `alpha`, disproven at `alpha / count`, or unresolved."""
    found, n = compare(claim.sample, margin=claim.margin, alpha=alpha), claim.sample.items
    outcome: Outcome = (
        "pass" if found.p.p_pass <= alpha else "fail" if found.p.p_fail <= alpha / count else "unresolved"
    )
    needed = None
    if outcome == "unresolved" and not found.refusal:
        needed = items_needed(n, effect=found.effect, margin=claim.margin, se=found.se, alpha=alpha)
    few_draws = alpha < RESAMPLING_LIMIT and found.test in ("t_and_bootstrap", "clustered")
    extra = [f"at a level of {alpha:.2g} this resampling test may be unable to prove anything"] if few_draws else []
    return Condition(
        cond=claim.cond,
        effect=found.effect,
        margin=claim.margin,
        n=n,
        p_pass=found.p.p_pass,
        p_fail=found.p.p_fail,
        outcome=outcome,
        low=found.low,
        high=found.high,
        n_needed=needed,
        test=found.test,
        reason=_sentence(claim, found, outcome=outcome, needed=needed),
        warnings=claim.warnings + extra,
    )


def _sentence(claim: _Claim, found: Compared, *, outcome: Outcome, needed: int | None) -> str:
    """The finding as a manager would say it."""
    start = f"{_observed(claim, found)}; {claim.claim}"
    if outcome == "pass":
        return f"{start} is proven ({_p(found.p.p_pass)})."
    if outcome == "fail":
        return f"{start} is ruled out ({_p(found.p.p_fail)})."
    if found.refusal:
        return f"{start} cannot be judged: {found.refusal}."
    advice = "more items are not expected to help" if needed is None else f"about {needed:,} items would be needed"
    return f"{start} is neither proven ({_p(found.p.p_pass)}) nor ruled out ({_p(found.p.p_fail)}); {advice}."


def _observed(claim: _Claim, found: Compared) -> str:
    if not claim.subject:
        return f"Fine-tuning scores {_points(found.effect)} on {claim.sample.items:,} items"
    relation = "more" if found.effect >= 0 else "fewer"
    gap = f"{_points(abs(found.effect))} {relation} than {claim.subject}"
    return f"Fine-tuning scores {gap} ({claim.sample.items:,} items)"


def _points(value: float) -> str:
    return f"{100 * value:.1f} points"


def _p(value: float) -> str:
    return "p < 0.0001" if value < 1e-4 else f"p = {value:.4f}" if value < 0.1 else f"p = {value:.2f}"


def _reasons(verdict: Verdict, conditions: list[Condition], *, alpha: float) -> list[str]:
    if verdict == "FINE_TUNE":
        return [f"All conditions are proven, each at level {alpha:.3g} ({len(conditions)} tested)."]
    wanted = "fail" if verdict == "PROMPT" else "unresolved"
    reasons = [f"{c.cond}: {c.reason}" for c in conditions if c.outcome == wanted]
    return reasons if verdict == "PROMPT" else [*reasons, "Not settled, so keep prompting for now."]


def _spent_sentence(request: JudgeRequest) -> str:
    uses, looks = request.prior_uses_of_test_set, request.planned_looks
    return f"FINE_TUNE needs fresh test items: {uses} verdict(s) already used these, {looks} were planned."
