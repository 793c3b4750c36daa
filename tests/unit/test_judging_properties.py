"""What no detail of the data may change: order, names, which arm is called which, and who may say FINE_TUNE."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.judging import JudgeRequest
from harness.stats.compare import Compared, Sample, compare
from harness.verdict import decide

N = 60
METRICS = st.sampled_from(["binary", "graded", "macro_f1"])
SEEDS = st.integers(0, 10**6)
FEW = settings(max_examples=8, deadline=None, derandomize=True)
MANY = settings(FEW, max_examples=16)


def _fields(seed: int, metric: str, *, clustered: bool = False, slices: bool = False) -> dict[str, Any]:
    """One tuned arm and two families, `a` and `b`, from hopeless to clearly better."""
    rng = np.random.default_rng(seed)
    quality = rng.uniform(0.2, 0.95, 3)
    y = rng.integers(0, 3, N)
    arms = [_arm(rng, rate=rate, metric=metric, y=y) for rate in quality]
    fields: dict[str, Any] = {"metric": metric, "ft": arms[:1], "baselines": {"a": arms[1], "b": arms[2]}}
    if metric == "macro_f1":
        fields["y"] = y.tolist()
    if clustered:
        fields["clusters"] = [f"doc{i}" for i in rng.integers(0, 30, N)]
    if slices:
        places = rng.permutation(N)
        fields["slices"] = {"p": {"items": places[:25].tolist(), "gate": True}, "q": {"items": places[20:].tolist()}}
    return fields


def _arm(rng: np.random.Generator, *, rate: float, metric: str, y: np.ndarray) -> list[Any]:
    if metric == "macro_f1":
        return np.where(rng.random(N) < rate, y, rng.integers(0, 3, N)).tolist()
    scores = (rng.random(N) < rate).astype(int) if metric == "binary" else rng.beta(3 * rate, 3 - 3 * rate, N)
    return scores.tolist()


def _judged(fields: dict[str, Any]) -> tuple[str, dict[str, tuple[float, ...]]]:
    """The verdict, and every number by the name of its condition or slice."""
    found = decide(JudgeRequest.model_validate(fields))
    numbers = {row.cond: (row.effect, row.p_pass, row.p_fail, row.se_items) for row in found.conditions}
    slices = {f"{row.slice}/{row.against}": (row.effect, row.p, row.p_holm) for row in found.slices}
    return found.verdict, numbers | slices


def _assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    (verdict, numbers), (verdict_too, numbers_too) = _judged(one), _judged(other)
    assert verdict == verdict_too
    assert numbers.keys() == numbers_too.keys()
    for name, values in numbers.items():
        assert numbers_too[name] == pytest.approx(values, abs=1e-9)


@given(SEEDS, METRICS, st.booleans())
@FEW
def test_the_order_of_items_and_slices_changes_nothing(seed, metric, clustered):
    fields = _fields(seed, metric, clustered=clustered, slices=True)
    order = np.random.default_rng(seed).permutation(N)
    place = {int(item): new for new, item in enumerate(order)}

    def moved(values: list) -> list:
        return [values[item] for item in order]

    new = fields | {name: moved(fields[name]) for name in ("y", "clusters") if name in fields}
    new |= {"ft": [moved(fields["ft"][0])], "baselines": {k: moved(arm) for k, arm in fields["baselines"].items()}}
    parts = reversed(fields["slices"].items())
    new["slices"] = {name: part | {"items": [place[i] for i in part["items"]]} for name, part in parts}
    _assert_same(fields, new)


@given(SEEDS, METRICS)
@FEW
def test_names_and_order_of_families_change_nothing(seed, metric):
    fields = _fields(seed, metric, slices=True)
    new = fields | {"baselines": {"a": fields["baselines"]["b"], "z": fields["baselines"]["a"]}}
    verdict, numbers = _judged(fields)
    renamed = {"beats:a": "beats:z", "beats:b": "beats:a", "p/a": "p/z", "p/b": "p/a", "q/a": "q/z", "q/b": "q/a"}
    verdict_too, numbers_too = _judged(new)
    assert verdict == verdict_too
    for name, values in numbers.items():
        assert numbers_too[renamed[name]] == pytest.approx(values, abs=1e-9)


@given(SEEDS, METRICS, st.booleans())
@FEW
def test_names_and_order_of_clusters_change_nothing(seed, metric, as_numbers):
    fields = _fields(seed, metric, clustered=True, slices=True)
    names = sorted(set(fields["clusters"]))
    new = dict(zip(names, np.random.default_rng(seed).permutation(len(names)).tolist(), strict=True))
    clusters = [new[name] if as_numbers else f"source {new[name]}" for name in fields["clusters"]]
    _assert_same(fields, fields | {"clusters": clusters})


@given(SEEDS, st.sampled_from(["binary", "graded"]), st.booleans(), st.integers(0, N - 1))
@MANY
def test_a_miss_turned_into_a_hit_never_lowers_an_effect(seed, metric, clustered, item):
    fields = _fields(seed, metric, clustered=clustered)
    better = [1 if place == item else cell for place, cell in enumerate(fields["ft"][0])]
    (_, before), (_, after) = _judged(fields), _judged(fields | {"ft": [better]})
    for name, values in before.items():
        assert after[name][0] >= values[0] - 1e-12


def _swappable(seed: int, metric: str, *, clustered: bool) -> tuple[Sample, Sample]:
    fields = _fields(seed, metric)
    rows = [np.array(arm, dtype=float) for arm in (fields["ft"][0], fields["baselines"]["a"])]
    truth = np.array(fields["y"]) if metric == "macro_f1" else None
    clusters = np.random.default_rng(seed).permutation(N) % 25 if clustered else None
    there, back = (
        Sample(metric, one[None, :], other, truth=truth, clusters=clusters) for one, other in (rows, rows[::-1])
    )
    return there, back


def _mirrored(found: Compared) -> tuple[float, ...]:
    return (-found.effect, found.se, found.p.p_fail, found.p.p_pass)


@given(SEEDS, METRICS, st.booleans(), st.sampled_from([-0.2, -0.03, 0.0, 0.02, 0.1]))
@MANY
def test_swapping_the_arms_mirrors_every_number(seed, metric, clustered, margin):
    there, back = _swappable(seed, metric, clustered=clustered)
    forth = compare(there, margin=margin, alpha=0.05)
    mirrored = _mirrored(compare(back, margin=-margin, alpha=0.05))
    assert mirrored == pytest.approx((forth.effect, forth.se, forth.p.p_pass, forth.p.p_fail), abs=1e-9)


@given(SEEDS, METRICS)
@FEW
def test_swapping_the_arms_swaps_the_outcome(seed, metric):
    fields = _fields(seed, metric) | {"margin": 0.0}
    (tuned,), other = fields["ft"], fields["baselines"]["a"]
    there, back = (
        decide(JudgeRequest.model_validate(fields | {"ft": [one], "baselines": {"a": against}})).conditions[0].outcome
        for one, against in ((tuned, other), (other, tuned))
    )
    assert {there, back} in ({"pass", "fail"}, {"unresolved"})


def _winner(seed: int, metric: str) -> dict[str, Any]:
    """Mostly a proven gain, so that only the rule under test can stand in its way."""
    fields = _fields(seed, metric)
    perfect = fields.get("y") or [1] * N
    return fields | {"ft": [perfect]}


@given(SEEDS, METRICS, st.integers(1, 3), st.integers(0, 3))
@FEW
def test_a_spent_test_set_never_says_fine_tune(seed, metric, planned, more):
    fields = _winner(seed, metric) | {"planned_looks": planned, "prior_uses_of_test_set": planned + more}
    found = decide(JudgeRequest.model_validate(fields))
    assert found.verdict != "FINE_TUNE"
    assert found.reasons[0] == "test_set_spent"


def _nearly(seed: int, metric: str) -> dict[str, Any]:
    """A clear gain, but for a few items of the gated slice, on which both families are always right."""
    fields, rng = _fields(seed, metric, slices=True), np.random.default_rng(seed)
    right = fields.get("y") or [1] * N
    wrong = [(cell + 1) % 3 for cell in right] if metric == "macro_f1" else [0] * N
    items = fields["slices"]["p"]["items"]
    lost = set(items[: int(rng.integers(4, 9))])
    family = [right[place] if place in items else wrong[place] for place in range(N)]
    tuned = [wrong[place] if place in lost else right[place] for place in range(N)]
    return {"ft": [tuned], "baselines": {"a": family, "b": family}}


def _added(fields: dict[str, Any], *, what: str, rng: np.random.Generator) -> dict[str, Any]:
    """`fields` with one condition more."""
    if what == "family":
        arm = _arm(rng, rate=rng.uniform(0, 1), metric=fields["metric"], y=np.array(fields.get("y", [0] * N)))
        return {"baselines": fields["baselines"] | {"c": arm}}
    if what == "benchmark":
        after, before = ((rng.random(200) < rate).astype(int).tolist() for rate in rng.uniform(0.2, 1, 2))
        return {"forgetting": {"piqa": {"ft": after, "base": before}}}
    if what == "floor":
        return {"floor": float(rng.uniform(0.01, 0.99))}
    if what == "item":
        return {"slices": fields["slices"] | {"r": {"items": [int(rng.integers(N))], "gate": bool(rng.integers(2))}}}
    more = {"items": rng.permutation(N)[:30].tolist(), "gate": bool(rng.integers(2))}
    return {"slices": fields.get("slices", {}) | {"r": more}}


@given(SEEDS, METRICS, st.sampled_from(["family", "benchmark", "floor", "slice", "item"]), st.booleans())
@settings(FEW, max_examples=32)
def test_one_condition_more_never_turns_a_verdict_into_fine_tune(seed, metric, what, winner):
    fields = _fields(seed, metric, slices=True) | (_nearly(seed, metric) if winner else {})
    more = fields | _added(fields, what=what, rng=np.random.default_rng(seed + 1))
    before, after = (decide(JudgeRequest.model_validate(each)).verdict for each in (fields, more))
    assert after != "FINE_TUNE" or before == "FINE_TUNE"
