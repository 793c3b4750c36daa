"""What a number of items can prove: the published numbers, planted truths, and a line for every gate."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom
from workspace import write

from harness.judging import JudgeRequest
from harness.loading import load_experiment
from harness.plan.outlook import points
from harness.plan.power import assumed
from harness.plan.setup import Benchmark
from harness.plan.state import GatePower, HeldOut
from harness.stats import power
from harness.verdict import decide


@pytest.mark.parametrize(("n", "points"), [(50, 18), (100, 13), (200, 10), (500, 7), (1000, 5.5), (2000, 4.5)])
def test_minimum_detectable_effect_matches_the_table(n: int, points: float) -> None:
    mde = power.minimum_detectable_effect(n, discordance=0.2, margin=0.02, alpha=0.05)
    assert 100 * mde == pytest.approx(points, abs=0.5)


@pytest.mark.parametrize(("n", "chance"), [(100, 0.21), (500, 0.67), (1000, 0.91), (2000, 0.99)])
def test_a_harmless_model_passes_as_often_as_the_table_says(n: int, chance: float) -> None:
    found = power.noninferiority_power(n, margin=0.03, discordance=0.1, alpha=0.05)
    assert found == pytest.approx(chance, abs=0.03)


def test_the_items_for_a_harmless_model_are_the_fewest_that_pass_it() -> None:
    test = {"margin": 0.03, "discordance": 0.1, "alpha": 0.05}
    enough = power.noninferiority_items(**test)
    chances = [power.noninferiority_power(n, **test) for n in (enough - 1, enough)]
    assert chances[0] < 0.8 <= chances[1]
    assert power.passing_change(enough, **test) == pytest.approx(0, abs=1e-3)
    assert power.passing_change(4 * enough, **test) < 0 < power.passing_change(enough // 4, **test)


@pytest.mark.parametrize("deff", [1.0, 2.5])
@pytest.mark.parametrize("conditions", [1, 4])
def test_items_for_turns_the_smallest_gain_round(deff: float, conditions: int) -> None:
    shape = {"margin": 0.02, "alpha": 0.05, "conditions": conditions, "deff": deff}
    gain = power.minimum_detectable_effect(300, discordance=0.2, **shape)
    assert power.items_for(gain, variance=0.2, **shape) == 300
    assert power.items_for(0.02, variance=0.2, **shape) is None


def test_items_needed_solves_its_own_formula() -> None:
    needed = power.items_needed(100, effect=0.06, margin=0.02, se=0.04, alpha=0.05)
    assert needed == math.ceil(100 * ((1.644854 + 0.841621) * 0.04 / 0.04) ** 2)
    assert power.items_needed(100, effect=0.02, margin=0.02, se=0.04, alpha=0.05) is None
    assert power.items_needed(2, effect=1.0, margin=0.0, se=0.0, alpha=0.05) == 5
    assert power.design_effect(5, icc=0.25) == 2


def test_what_the_seeds_take_of_the_lead_is_not_shrunk_by_items() -> None:
    shape = {"effect": 0.06, "margin": 0.02, "se": 0.04, "alpha": 0.05}
    needed = power.items_needed(100, **shape, held=0.03)
    assert needed is not None
    items = (1.644854 + 0.841621) * 0.04 * math.sqrt(100 / needed)
    assert math.hypot(items, 0.03) == pytest.approx(0.04, rel=1e-3)
    assert power.items_needed(100, **shape, held=0.04) is None
    assert power.items_needed(100, **{**shape, "se": 0.0}, held=0.04) is None


def test_few_seeds_are_few_degrees_of_freedom() -> None:
    assert power.seeds_reach(0.01, seeds=3, alpha=0.05) == pytest.approx(0.01 * (2.91999 + 1.06066), rel=1e-4)
    assert power.seeds_reach(0.01, seeds=1000, alpha=0.05) == pytest.approx(0.01 * (1.644854 + 0.841621), rel=3e-3)


def test_the_seeds_needed_are_the_fewest_that_leave_the_lead_enough() -> None:
    shape = {"effect": 0.12, "margin": 0.02, "se": 0.02, "se_seeds": 0.05, "alpha": 0.05}
    needed = power.seeds_needed(3, **shape)
    assert needed is not None

    def reach(seeds: int) -> float:
        own = power.seeds_reach(0.05 * math.sqrt(3 / seeds), seeds=seeds, alpha=0.05)
        return math.hypot(own, (1.644854 + 0.841621) * 0.02)

    assert reach(needed) <= 0.1 < reach(needed - 1)
    assert power.seeds_needed(3, **{**shape, "se": 0.05}) is None, "the items alone leave too much in doubt"


def test_little_room_bounds_the_disagreement() -> None:
    """At a gain of all the room the arms disagree on exactly the room."""
    shape = {"margin": 0.02, "alpha": 0.05, "conditions": 3}
    for room in (0.03, 0.05, 0.1, 0.3):
        enough = power.items_for(room, variance=min(0.2, room), **shape)
        assert enough is not None
        found = [
            power.minimum_detectable_effect(n, discordance=0.2, room=room, **shape) for n in (enough - 1, enough + 1)
        ]
        assert found[0] > room >= found[1]
    assert power.minimum_detectable_effect(190, discordance=0.2, room=0.005, **shape) > 0.02
    plain = power.minimum_detectable_effect(2000, discordance=0.2, **shape)
    assert power.minimum_detectable_effect(2000, discordance=0.2, room=0.9, **shape) == plain


@pytest.mark.parametrize(("n", "floor"), [(120, 0.5), (40, 0.2), (59, 0.95)])
def test_the_provable_share_passes_the_binomial_test_four_times_in_five(n: int, floor: float) -> None:
    least = next(k for k in range(n + 1) if binom.sf(k - 1, n, floor) <= 0.05)
    share = power.provable_score(n, floor=floor, alpha=0.05)
    assert share is not None
    assert binom.sf(least - 1, n, share) == pytest.approx(0.8)


def test_shares_that_nothing_proves() -> None:
    assert power.provable_score(58, floor=0.95, alpha=0.05) is None
    assert power.items_for_score(1.0, floor=0.95, alpha=0.05) == 59
    assert power.items_for_score(0.5, floor=0.5, alpha=0.05) is None
    assert power.items_for_score(1.0, floor=0.9999999999999999, alpha=0.05) == pytest.approx(2.7e16, rel=0.01)
    assert power.items_needed(60, effect=0.52 - 0.5, margin=0.02, se=0.0, alpha=0.05) is None
    n = power.items_for_score(0.55, floor=0.5, alpha=0.05)
    assert n is not None
    assert (power.provable_score(n, floor=0.5, alpha=0.05) or 1) <= 0.55


def test_graded_scores_are_normal_and_clusters_cost_items() -> None:
    found = power.provable_score(100, floor=0.5, alpha=0.05, variance=0.05, deff=2)
    assert found == pytest.approx(0.5 + (1.644854 + 0.841621) * math.sqrt(0.05 * 2 / 100))
    assert power.provable_score(10, floor=0.9, alpha=0.05, variance=0.2) is None
    assert power.items_for_score(found, floor=0.5, alpha=0.05, variance=0.05, deff=2) == 100
    alone, doubled = (power.items_for_score(0.6, floor=0.5, alpha=0.05, deff=deff) for deff in (1.0, 2.0))
    assert doubled == 2 * (alone or 0)


@pytest.mark.parametrize("icc", [0.0, 0.3, 0.8])
def test_a_planted_correlation_is_found(icc: float) -> None:
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(600), rng.integers(1, 8, 600))
    values = rng.normal(0, math.sqrt(icc), 600)[clusters] + rng.normal(0, math.sqrt(1 - icc), len(clusters))
    assert power.intra_cluster_correlation(values, clusters=clusters) == pytest.approx(icc, abs=0.05)


def test_correlation_where_nothing_can_be_estimated() -> None:
    alone = np.arange(5)
    assert power.intra_cluster_correlation(np.arange(5.0), clusters=alone) == 0
    assert power.intra_cluster_correlation(np.arange(5.0), clusters=0 * alone) == 1
    assert power.intra_cluster_correlation(np.ones(6), clusters=np.repeat([0, 1, 2], 2)) == 0
    assert power.intra_cluster_correlation(np.repeat([0.0, 1.0, 2.0], 2), clusters=np.repeat([0, 1, 2], 2)) == 1


def test_the_items_for_five_points_find_five_points() -> None:
    n, rng = power.items_for(0.05, margin=0.0, variance=0.1, alpha=0.05), np.random.default_rng(0)
    assert n == 248
    found = 0
    for _ in range(200):
        kind = rng.choice(3, size=n, p=[0.075, 0.025, 0.9])
        arms = {"ft": [(kind == 0).astype(int).tolist()], "baselines": {"p": (kind == 1).astype(int).tolist()}}
        found += decide(JudgeRequest(metric="binary", margin=0.0, **arms)).verdict == "FINE_TUNE"
    assert 0.72 <= found / 200 <= 0.9


# Gates of an experiment


TWO_HUNDRED = HeldOut(200, 200)


def outlook(root: Path, *overrides: str, size: HeldOut = TWO_HUNDRED, data: str | None = None) -> list[GatePower]:
    resolved = load_experiment(root / "experiments" / "first.yaml", overrides=overrides)
    return assumed(resolved, size=size, benchmarks={"arithmetic": Benchmark({}, None, data)}, slices={})


def test_a_share_just_below_one_has_its_line_too(root: Path) -> None:
    rows = outlook(root, "gates.format={regex: '.*', share: 0.9999999999999999}")
    assert any(
        "200 items prove no share, whatever the truth; to prove 100 points takes about 26,983," in row.sentence
        for row in rows
    )


def test_every_gate_has_its_line(root: Path) -> None:
    rows = outlook(
        root,
        "gates.metrics.exact_match.margin=0.03",
        "gates.format={regex: '.*'}",
        "gates.cost={usd: 1, usd_per_million_in: 1, usd_per_million_out: 1}",
        "gates.latency={seconds: 1, requests: 60}",
        "gates.ships={forms: [merged]}",
        "gates.slices=[{column: topic}]",
    )
    assert [(row.gate, row.name) for row in rows] == [
        ("improvement", "beats every prompt"),
        ("rouge", "floor 0.1 rougeL"),
        ("metric", "beats every prompt, exact_match"),
        ("metric", "floor 0.2 exact_match"),
        ("format", "format share 0.95"),
        ("cost", "cost share 0.95"),
        ("latency", "latency share 0.95"),
        ("forgetting", "keeps:arithmetic"),
        ("ships", "ships:merged"),
        ("slices", "slices:topic"),
    ]
    assert all(row.sentence.startswith(f"{row.name}: ") and row.basis == "assumed" for row in rows)
    by_gate = {row.gate: row for row in rows}
    assert "60 requests prove a true share of 99.6 points or more" in by_gate["latency"].sentence
    assert by_gate["format"].needed == 59


def test_of_a_recipe_the_lines_say_that_they_do_not_know_its_seeds(root: Path) -> None:
    gates = ["gates.format={regex: '.*'}", "gates.metrics.exact_match.margin=0.03", "gates.slices=[{column: topic}]"]
    said = "(spread assumed, that between seeds not counted)"
    rows = outlook(root, "gates.scope=recipe", *gates)
    assert {row.gate for row in rows if row.sentence.endswith(said)} == {"improvement", "rouge", "metric", "slices"}
    assert not any("between seeds" in row.sentence for row in rows if row.gate in ("format", "forgetting"))
    assert not any("between seeds" in row.sentence for row in outlook(root, *gates))


def test_the_first_line_is_the_formula(root: Path) -> None:
    (row, *_) = outlook(root, size=HeldOut(400, 100))
    shape = {"margin": 0.02, "alpha": 0.05, "conditions": 4}
    assert row.smallest == power.minimum_detectable_effect(100, discordance=0.2, **shape)
    assert row.needed == power.items_for(0.05, variance=0.2, deff=4.0, **shape)
    assert (row.items, row.groups) == (400, 100)
    assert f"400 items from 100 sources prove a true lead of {points(row.smallest)} points or more" in row.sentence


def test_planned_looks_cost_power(root: Path) -> None:
    one, two = (outlook(root, f"gates.planned_looks={looks}")[0].smallest for looks in (1, 2))
    assert one is not None
    assert two is not None
    assert one < two


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (HeldOut(None, None), "how many items there will be is not known yet"),
        (HeldOut(100, 19), "19 independent sources prove nothing, at least 20 are needed"),
        (HeldOut(2, 2), "2 items prove no lead, whatever the truth"),
    ],
)
def test_what_cannot_be_proven_is_said(root: Path, size: HeldOut, words: str) -> None:
    row = outlook(root, size=size)[0]
    assert row.smallest is None
    assert words in row.sentence
    assert "to prove 5 points takes about" in row.sentence


def test_a_margin_of_five_points_is_beyond_any_number_of_items(root: Path) -> None:
    row = outlook(root, "gates.margin=0.05")[0]
    assert row.needed is None
    assert "no number of items proves 5 points, for the margin is 5 points" in row.sentence


def test_benchmark_items_are_half_the_rows_up_to_the_limit(root: Path) -> None:
    file = str(write(root, "bench.jsonl", '{"a": 1}\n' * 90))
    half, limited, unknown = (
        next(row for row in outlook(root, *more, data=data) if row.gate == "forgetting")
        for more, data in (([], file), (["gates.forgetting=[{benchmark: arithmetic, limit: 20}]"], file), ([], None))
    )
    assert [row.items for row in (half, limited, unknown)] == [45, 20, None]
    assert half.chance is not None
    assert limited.chance is not None
    assert half.chance > limited.chance
    assert unknown.chance is None
    assert unknown.needed is not None
