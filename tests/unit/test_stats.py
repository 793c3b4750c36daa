"""The statistics against golden values, brute force, closed forms and symmetries."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, multinomial

from harness.stats import NO_EVIDENCE, OneSided, clustered, corpus, exact, graded, intervals, recipe

GAMMA = 0.001
GOLDEN = [
    (30, 12, 200, 0.0, 0.00361),
    (30, 12, 200, 0.02, 0.01556),
    (15, 9, 120, 0.02, 0.2390),
    (3, 6, 100, -0.03, 0.6482),
    (105, 60, 1500, 0.02, 0.1214),
]


@pytest.mark.parametrize(("b", "c", "n", "margin", "expected"), GOLDEN)
def test_exact_matches_the_golden_values(b, c, n, margin, expected):
    assert exact.exact_p(b, c, n, margin=margin, gamma=GAMMA) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("b", "c", "n", "margin"), [(5, 1, 12, 0.0), (4, 0, 10, 0.1), (2, 3, 12, -0.2), (0, 0, 9, -0.1)]
)
def test_exact_matches_brute_force_over_all_tables(b, c, n, margin):
    observed = exact.tango_score(b, c, n=n, margin=margin)
    tables = [(i, j) for i, j in itertools.product(range(n + 1), repeat=2) if i + j <= n]
    extreme = [(i, j) for i, j in tables if exact.tango_score(i, j, n=n, margin=margin) >= observed - 1e-9]
    interval = exact.binomtest(b + c, n).proportion_ci(1 - GAMMA, "exact")
    points = np.linspace(max(interval.low, abs(margin)), max(interval.high, abs(margin)), 400)
    tails = [
        sum(multinomial.pmf((i, j, n - i - j), n, ((p + margin) / 2, (p - margin) / 2, 1 - p)) for i, j in extreme)
        for p in points
    ]
    assert exact.exact_p(b, c, n, margin=margin, gamma=GAMMA) == pytest.approx(max(tails) + GAMMA, abs=2e-4)


@pytest.mark.parametrize("margin", [0.0, 0.02, -0.03])
def test_exact_keeps_its_size_for_every_discordance(margin):
    n, alpha = 20, 0.05
    tables = [(b, c) for b, c in itertools.product(range(n + 1), repeat=2) if b + c <= n]
    rejected = [t for t in tables if exact.exact_p(*t, n, margin=margin, gamma=alpha / 50) <= alpha]
    for psi in np.linspace(max(abs(margin), 0.02), 0.98, 30):
        chances = ((psi + margin) / 2, (psi - margin) / 2, 1 - psi)
        assert sum(multinomial.pmf((b, c, n - b - c), n, chances) for b, c in rejected) <= alpha


@given(st.integers(2, 60), st.data(), st.sampled_from([-0.2, -0.03, 0.0, 0.02, 0.3]))
def test_tango_score_rises_with_b_among_equally_many_discordant_pairs(n, data, margin):
    pairs = data.draw(st.integers(1, n))
    b = np.arange(pairs + 1)
    assert np.all(np.diff(exact.tango_score(b, pairs - b, n=n, margin=margin)) > 0)


def test_exact_is_quick():
    for n, limit in ((200, 0.1), (2000, 0.4)):
        start = time.process_time()
        exact.exact_p(n // 5 + 1, n // 6 + 1, n, margin=0.017, gamma=GAMMA)
        assert time.process_time() - start < limit


@given(st.integers(0, 20), st.integers(0, 20), st.sampled_from([0.0, 0.02, -0.03]))
@settings(max_examples=25, deadline=None)
def test_swapping_arms_swaps_the_exact_p_values(b, c, margin):
    there = exact.paired_p_values(b, c, n=60, margin=margin, alpha=0.05)
    back = exact.paired_p_values(c, b, n=60, margin=-margin, alpha=0.05)
    assert there == OneSided(back.p_fail, back.p_pass)


def test_all_differences_equal_gives_the_binomial_bound():
    assert exact.constant_p_values(0.0, margin=0.02, n=100) == OneSided(1.0, pytest.approx(0.98**100))
    assert exact.constant_p_values(0.4, margin=0.0, n=20).p_pass == pytest.approx((1 / 1.4) ** 20)


def test_floor_is_the_binomial_test():
    p = exact.above_constant(60, n=100, floor=0.5)
    assert p.p_pass == pytest.approx(binom.sf(59, 100, 0.5))
    assert p.p_fail == pytest.approx(binom.cdf(60, 100, 0.5))


def _differences(n: int, *, mean: float, seed: int = 0) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(mean, 0.2, n), -1, 1)


def test_graded_is_never_below_the_t_test_with_its_pseudo_item():
    d = _differences(80, mean=0.07)
    with_pseudo = np.append(d, -0.5)
    t = (with_pseudo.mean() - 0.01) / (with_pseudo.std(ddof=1) / math.sqrt(81))
    p = graded.graded_p_values(d, margin=0.01, alpha=0.05)
    assert p.p_pass >= corpus.student_t.sf(t, 80) - 1e-12
    assert p.p_pass < 0.1 < p.p_fail


def test_graded_does_not_trust_a_sample_that_may_have_missed_a_collapse():
    d = np.full(100, 0.0204) + np.random.default_rng(0).normal(0, 1e-5, 100)
    assert graded.graded_p_values(d, margin=0.0, alpha=0.05).p_pass > 0.2


def test_graded_ignores_order_and_mirrors_exactly():
    d = _differences(150, mean=0.03)
    p = graded.graded_p_values(d, margin=0.01, alpha=0.05)
    shuffled = graded.graded_p_values(np.random.default_rng(1).permutation(d), margin=0.01, alpha=0.05)
    mirrored = graded.graded_p_values(-d, margin=-0.01, alpha=0.05)
    assert p == shuffled == OneSided(mirrored.p_fail, mirrored.p_pass)


def test_graded_takes_rounding_noise_for_equal_differences():
    d = np.array([0.3 - 0.8, 0.2 - 0.7, 0.1 - 0.6] * 10)
    assert graded.graded_p_values(d, margin=0.01, alpha=0.05) == OneSided(1.0, pytest.approx((0.99 / 1.5) ** 30))


def test_bootstrap_draws_reach_the_level_but_stay_affordable():
    assert graded.draws_for(200, alpha=0.05) == 9_999
    assert graded.draws_for(200, alpha=0.0005) == 40_000
    assert graded.draws_for(100_000, alpha=0.05) == 3_000


def _mean(summed: np.ndarray) -> np.ndarray:
    return clustered.mean_of_parts(summed)


def test_jackknife_of_a_mean_is_the_usual_standard_error():
    d = _differences(40, mean=0.0)
    jack = corpus.jackknife(np.stack([d, np.ones(40)], axis=1), statistic=_mean)
    assert jack.estimate == pytest.approx(d.mean())
    assert jack.se == pytest.approx(d.std(ddof=1) / math.sqrt(40))


def _labels(n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, n)
    tuned = np.where(rng.random(n) < 0.8, truth, rng.integers(0, 4, n))
    base = np.where(rng.random(n) < 0.6, truth, -1)
    return truth, tuned, base


def test_macro_f1_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    truth, tuned, base = _labels(120)
    parts = corpus.macro_f1_parts(truth, [tuned, base], groups=np.zeros(120, dtype=int))
    value = corpus.macro_f1_difference(2, classes=4)(parts.sum(axis=0))
    f1 = [metrics.f1_score(truth, arm, labels=range(4), average="macro", zero_division=0) for arm in (tuned, base)]
    assert float(value) == pytest.approx(f1[0] - f1[1])


def test_large_samples_get_fifty_groups_that_item_order_cannot_change():
    columns = _labels(1500)
    order = np.random.default_rng(5).permutation(1500)
    results = []
    for truth, tuned, base in (columns, tuple(column[order] for column in columns)):
        groups = corpus.item_groups(truth, tuned, base)
        parts = corpus.macro_f1_parts(truth, [tuned, base], groups=groups)
        jack = corpus.jackknife(parts, statistic=corpus.macro_f1_difference(2, classes=4))
        results.append((jack.groups, jack.estimate, jack.se))
    assert results[0] == results[1]
    assert results[0][0] == 50


def _clustered(clusters: int, *, mean: float, margin: float = 0.0) -> OneSided:
    rng = np.random.default_rng(3)
    d = np.repeat(rng.normal(mean, 0.1, clusters), 4) + rng.normal(0, 0.1, clusters * 4)
    parts = clustered.cluster_parts(d, clusters=np.repeat(np.arange(clusters), 4))
    jack = corpus.jackknife(parts, statistic=_mean)
    sums = parts[:, 0] - margin * parts[:, 1]
    item_level = graded.graded_p_values(d, margin=margin, alpha=0.05)
    return clustered.clustered_p_values(jack, sums=sums, item_level=item_level, margin=margin, alpha=0.05)


def test_clustered_needs_twenty_clusters():
    assert _clustered(19, mean=0.5) == NO_EVIDENCE
    assert _clustered(20, mean=0.5).p_pass < 0.01


def test_clustered_is_never_surer_than_its_item_level_test_and_carries_the_factor():
    p = _clustered(40, mean=0.0)
    assert p.p_pass + p.p_fail >= 1.25


def test_recipe_adds_seed_variance_and_loses_degrees_of_freedom():
    jack = corpus.Jackknife(0.1, se=0.02, groups=200, pseudo_values=np.zeros(200))
    both = recipe.pooled(np.array([0.05, 0.1, 0.15]), items=jack)
    by_seeds = 0.05**2 / 3
    assert both.se == pytest.approx(math.sqrt(0.02**2 + by_seeds))
    assert both.df == pytest.approx((0.02**2 + by_seeds) ** 2 / (0.02**4 / 199 + by_seeds**2 / 2))
    expected = 1.25 * corpus.student_t.sf((0.1 - 0.02) / both.se, both.df)
    assert both.p_values(0.02, same_n=200).p_pass == pytest.approx(expected)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_tango_interval_holds_the_effect_and_mirrors(b, c, both):
    n = b + c + both
    if n == 0:
        return
    low, high = intervals.tango_interval(b, c, n=n)
    assert -1 <= low <= (b - c) / n <= high <= 1
    assert intervals.tango_interval(c, b, n=n) == pytest.approx((-high, -low), abs=1e-6)


def test_tango_interval_inverts_its_score():
    low, high = intervals.tango_interval(30, 12, n=200)
    assert exact.tango_score(30, 12, n=200, margin=low) == pytest.approx(1.644854, abs=1e-5)
    assert exact.tango_score(30, 12, n=200, margin=high) == pytest.approx(-1.644854, abs=1e-5)


def test_mean_interval_falls_back_to_t_without_a_warning():
    assert intervals.mean_interval(np.full(10, 0.3), se=0.0) == pytest.approx((0.3, 0.3))
    low, high = intervals.mean_interval(_differences(60, mean=0.1), se=0.02)
    assert low < 0.1 < high
