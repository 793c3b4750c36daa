"""Turn a `JudgeRequest` into a `Judgement`: FINE_TUNE, PROMPT or INCONCLUSIVE, with the evidence.

FINE_TUNE needs every condition proven at level alpha (an intersection-union test, so alpha needs no
correction); PROMPT needs one condition disproven at alpha / K. Pure: no files, no clock, no randomness that
is not seeded.
"""

from collections.abc import Sequence
from typing import NamedTuple

from harness.judge_content import Arm
from harness.judging import Condition, Forgetting, Judgement, JudgeRequest, Outcome, SliceFinding, Verdict
from harness.samples import forgetting_sample, missing_outputs, sample_of
from harness.slices import slice_findings
from harness.stats.compare import Compared, Sample, compare
from harness.stats.power import (
    KEPT_DISCORDANCE,
    ROUNDING,
    items_needed,
    noninferiority_power,
    seeds_needed,
    seeds_reach,
)
from harness.wording import counted, gap, p_value, points

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


class _Lack(NamedTuple):
    """What would settle an unresolved condition."""

    items: int | None
    """None where more items are not expected to."""
    advice: str
    """For the sentence."""


def decide(request: JudgeRequest) -> Judgement:
    """The verdict on `request`; the same request always gives the same judgement."""
    return decide_jointly([request])


def decide_jointly(requests: Sequence[JudgeRequest]) -> Judgement:
    """One verdict on conditions of several metrics over the same items: all must be proven.

    Conditions keep the order of the requests, each request's in the order beats, keeps, floor; the slices of all
    requests share one correction. Level and looks are those of the first request.
    """
    request = requests[0]
    alpha = look_alpha(request)
    claims = [claim for each in requests for claim in _claims(each, alpha=alpha)]
    conditions = [_condition(claim, alpha=alpha, count=len(claims)) for claim in claims]
    slices = slice_findings(requests, alpha=alpha)
    worse = [found for found in slices if found.withholds]
    spent = request.prior_uses_of_test_set >= request.planned_looks
    verdict = _verdict(conditions, worse=worse, spent=spent)
    reasons = _reasons(verdict, conditions, worse=worse, alpha=alpha)
    if verdict == "INCONCLUSIVE":
        reasons.append(_open_sentence(request))
    if spent:
        reasons = ["test_set_spent", _spent_sentence(request), *reasons]
    return Judgement(verdict=verdict, reasons=reasons, conditions=conditions, alpha=alpha, slices=slices)


def look_alpha(request: JudgeRequest) -> float:
    """The level of this look, (alpha / L) * 3^-(j - 1); looks beyond the planned ones get the last level."""
    look = min(request.prior_uses_of_test_set + 1, request.planned_looks)
    return request.alpha / request.planned_looks * SPENDING_RATIO ** (1 - look)


def _verdict(conditions: list[Condition], *, worse: list[SliceFinding], spent: bool) -> Verdict:
    outcomes = {condition.outcome for condition in conditions}
    if "fail" in outcomes or any(found.regressed for found in worse):
        return "PROMPT"
    return "FINE_TUNE" if outcomes == {"pass"} and not worse and not spent else "INCONCLUSIVE"


def _claims(request: JudgeRequest, *, alpha: float) -> list[_Claim]:
    claims = [_beats(request, name=name) for name in request.baselines]
    claims += [_keeps(name, bench, scope=request.scope, alpha=alpha) for name, bench in request.forgetting.items()]
    if request.floor is not None:
        sample = sample_of(request, other=None)
        claim = f"a score above the floor of {points(request.floor)}"
        claims.append(_Claim("floor", sample, request.floor, "", claim, _missing(request, other=None)))
    return claims


def _beats(request: JudgeRequest, *, name: str) -> _Claim:
    other, claim = request.baselines[name], f"a gain of more than {points(request.delta)}"
    sample, warnings = sample_of(request, other=other), _missing(request, other=other)
    return _Claim(f"beats:{name}", sample, request.delta, name, claim, warnings)


def _keeps(name: str, bench: Forgetting, *, scope: str, alpha: float) -> _Claim:
    warnings = []
    if (n := len(bench.ft)) < FEWEST_FORGETTING_ITEMS:
        test = {"margin": bench.margin, "discordance": KEPT_DISCORDANCE, "alpha": alpha}
        here, there = (noninferiority_power(count, **test) for count in (n, FEWEST_FORGETTING_ITEMS))
        warnings.append(
            f"on {counted(n, 'item')} a model that lost nothing passes about {here:.0%} of the time, "
            f"on {FEWEST_FORGETTING_ITEMS:,} {there:.0%}"
        )
    if scope == "recipe":
        warnings.append("this benchmark was scored for one adapter, so it says nothing about other seeds")
    sample = forgetting_sample(bench)
    claim = f"a loss smaller than {points(bench.margin)}"
    return _Claim(f"keeps:{name}", sample, -bench.margin, f"the base model on {name}", claim, warnings)


def _missing(request: JudgeRequest, *, other: Arm | None) -> list[str]:
    count = missing_outputs(request, other=other)
    return [f"{counted(count, 'output')} missing, counted as wrong"] if count else []


def _condition(claim: _Claim, *, alpha: float, count: int) -> Condition:
    """Test one claim: proven at `alpha`, disproven at `alpha / count`, or unresolved."""
    found, n = compare(claim.sample, margin=claim.margin, alpha=alpha), claim.sample.items
    outcome: Outcome = (
        "pass" if found.p.p_pass <= alpha else "fail" if found.p.p_fail <= alpha / count else "unresolved"
    )
    lack = _lack(claim, found, alpha=alpha) if outcome == "unresolved" and not found.refusal else _Lack(None, "")
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
        se_items=found.se_items,
        se_seeds=found.se_seeds,
        n_needed=lack.items,
        test=found.test,
        reason=_sentence(claim, found, outcome=outcome, advice=lack.advice),
        warnings=claim.warnings + extra,
    )


def _lack(claim: _Claim, found: Compared, *, alpha: float) -> _Lack:
    """More items make their own part of the doubt smaller; that of a recipe's seeds stays."""
    seen = {"effect": found.effect, "margin": claim.margin, "se": found.se_items, "alpha": alpha}
    seeds, recipe = len(claim.sample.tuned), claim.sample.chosen is None
    spread = (found.se_seeds or 0.0) if recipe else 0.0
    held = seeds_reach(spread, seeds=seeds, alpha=alpha) if spread else 0.0
    items = items_needed(claim.sample.items, **seen, held=held)
    if items is not None:
        return _Lack(items, f"about {items:,} items would be needed")
    if not held or found.effect - claim.margin <= ROUNDING:
        return _Lack(None, "more items are not expected to help")
    more = seeds_needed(seeds, **seen, se_seeds=spread)
    both = "more training seeds and more items would be needed"
    return _Lack(None, both if more is None else f"about {more} training seeds would be needed")


def _sentence(claim: _Claim, found: Compared, *, outcome: Outcome, advice: str) -> str:
    """The finding as a manager would say it."""
    start = f"{_observed(claim, found)}; {claim.claim}"
    if outcome == "pass":
        return f"{start} is proven ({p_value(found.p.p_pass)})."
    if outcome == "fail":
        return f"{start} is ruled out ({p_value(found.p.p_fail)})."
    if found.refusal:
        return f"{start} cannot be judged: {found.refusal}."
    return f"{start} is neither proven ({p_value(found.p.p_pass)}) nor ruled out ({p_value(found.p.p_fail)}); {advice}."


def _observed(claim: _Claim, found: Compared) -> str:
    if not claim.subject:
        return f"Fine-tuning scores {points(found.effect)} on {claim.sample.items:,} items"
    return f"Fine-tuning scores {gap(found.effect, against=claim.subject)} ({claim.sample.items:,} items)"


def _reasons(verdict: Verdict, conditions: list[Condition], *, worse: list[SliceFinding], alpha: float) -> list[str]:
    if verdict == "FINE_TUNE":
        return [f"All conditions are proven, each at level {alpha:.3g} ({len(conditions)} tested)."]
    wanted = "fail" if verdict == "PROMPT" else "unresolved"
    reasons = [f"{c.cond}: {c.reason}" for c in conditions if c.outcome == wanted]
    reasons += [found.reason for found in worse if found.regressed or verdict != "PROMPT"]
    return reasons


def _open_sentence(request: JudgeRequest) -> str:
    last = request.prior_uses_of_test_set + 1 >= request.planned_looks
    return f"Not settled, so keep prompting for now{'; another try needs fresh test items' if last else ''}."


def _spent_sentence(request: JudgeRequest) -> str:
    uses, looks = request.prior_uses_of_test_set, request.planned_looks
    used = f"{counted(uses, 'verdict')} {'has' if uses == 1 else 'have'} used these before"
    planned = f"{looks} {'was' if looks == 1 else 'were'} planned"
    return f"FINE_TUNE needs fresh test items (test_set_spent): {used}, and {planned}."
