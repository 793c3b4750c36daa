"""`harness judge`'s heart: what a request may hold, and the verdict it must give."""

import json
import math
import re
import time

import numpy as np
import pytest

from harness.judge_input import read_request
from harness.judging import JudgeRequest
from harness.stats.power import items_needed
from harness.verdict import decide, look_alpha


def _arm(rate: float, *, n: int = 200, seed: int = 0) -> list[int]:
    return (np.random.default_rng(seed).random(n) < rate).astype(int).tolist()


def _request(**fields) -> JudgeRequest:
    given_fields = {
        "metric": "binary",
        "ft": [_arm(0.9)],
        "baselines": {"zero_shot": _arm(0.6, seed=1)},
    } | fields
    return read_request(json.dumps(given_fields), source="scores.json")


def _pairs(b: int, c: int, *, n: int) -> dict:
    rest = n - b - c
    return {"ft": [[1] * b + [0] * c + [1] * rest], "baselines": {"p": [0] * b + [1] * c + [1] * rest}}


@pytest.mark.parametrize(
    ("b", "c", "n", "margin", "p"),
    [
        (30, 12, 200, 0.0, 0.00361),
        (30, 12, 200, 0.02, 0.01556),
        (15, 9, 120, 0.02, 0.2390),
        (105, 60, 1500, 0.02, 0.1214),
    ],
)
def test_golden_values_through_the_front_door(b, c, n, margin, p):
    (condition,) = decide(_request(**_pairs(b, c, n=n), margin=margin)).conditions
    assert condition.p_pass == pytest.approx(p, abs=1e-4)
    assert condition.effect == pytest.approx((b - c) / n)
    assert condition.low < condition.effect < condition.high


@pytest.mark.parametrize("margin", [0.0, 0.001, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("n", [1, 50, 999])
def test_a_small_benchmark_warns_at_any_margin(margin: float, n: int) -> None:
    bench = {"ft": [1] * n, "base": [1] * n, "margin": margin}
    condition = decide(_request(forgetting={"piqa": bench})).conditions[1]
    assert f"on {n} item{'s' if n > 1 else ''} a model that lost nothing passes about" in condition.warnings[0]


def test_golden_value_of_forgetting():
    arms = _pairs(3, 6, n=100)
    bench = {"ft": arms["ft"][0], "base": arms["baselines"]["p"]}
    condition = decide(_request(forgetting={"piqa": bench})).conditions[1]
    assert (condition.cond, condition.margin) == ("keeps:piqa", -0.03)
    assert condition.p_pass == pytest.approx(0.6482, abs=1e-4)
    assert condition.warnings == ["on 100 items a model that lost nothing passes about 23% of the time, on 1,000 90%"]


def test_a_clear_gain_is_fine_tune():
    judgement = decide(_request(floor=0.6))
    assert judgement.verdict == "FINE_TUNE"
    assert [c.cond for c in judgement.conditions] == ["beats:zero_shot", "floor"]
    assert {c.outcome for c in judgement.conditions} == {"pass"}
    assert judgement.conditions[1].effect == pytest.approx(np.mean(_arm(0.9)))


def test_a_clear_loss_is_prompt_even_beside_a_gain():
    judgement = decide(_request(baselines={"weak": _arm(0.2, seed=1), "strong": _arm(1.0, seed=2)}))
    assert judgement.verdict == "PROMPT"
    assert judgement.reasons[0].startswith("beats:strong")


def test_forgetting_vetoes():
    bench = {"ft": _arm(0.5, n=1500, seed=3), "base": _arm(0.8, n=1500, seed=4)}
    judgement = decide(_request(forgetting={"piqa": bench}))
    assert judgement.verdict == "PROMPT"
    assert judgement.conditions[1].outcome == "fail"


def test_inconclusive_names_the_condition_and_the_items_needed():
    judgement = decide(_request(**_pairs(15, 9, n=120)))
    (condition,) = judgement.conditions
    assert judgement.verdict == "INCONCLUSIVE"
    assert condition.n_needed > 120
    assert "beats:p" in judgement.reasons[0]
    assert f"{condition.n_needed:,} items" in judgement.reasons[0]
    assert "keep prompting" in judgement.reasons[-1]


def test_no_item_count_is_promised_below_the_margin():
    judgement = decide(_request(**_pairs(10, 10, n=120)))
    assert judgement.conditions[0].n_needed is None
    assert "not expected to help" in judgement.reasons[0]


def test_prompt_needs_proof_at_alpha_over_conditions():
    arms = _pairs(10, 18, n=150)
    one = decide(_request(**arms))
    assert one.verdict == "PROMPT"
    assert 0.05 / 4 < one.conditions[0].p_fail <= 0.05
    weak = {f"weak{i}": [0] * 150 for i in range(3)}
    four = decide(_request(ft=arms["ft"], baselines=arms["baselines"] | weak))
    assert [c.outcome for c in four.conditions] == ["unresolved", "pass", "pass", "pass"]


def test_a_spent_test_set_cannot_say_fine_tune():
    judgement = decide(_request(prior_uses_of_test_set=1))
    assert judgement.verdict == "INCONCLUSIVE"
    assert judgement.reasons[0] == "test_set_spent"
    worse = decide(_request(ft=[_arm(0.3)], prior_uses_of_test_set=1))
    assert (worse.verdict, worse.reasons[0]) == ("PROMPT", "test_set_spent")


def test_planned_looks_split_alpha():
    alphas = [look_alpha(_request(planned_looks=3, prior_uses_of_test_set=used)) for used in range(3)]
    assert alphas == pytest.approx([0.05 / 3, 0.05 / 9, 0.05 / 27])
    second = decide(_request(planned_looks=2, prior_uses_of_test_set=1))
    assert (second.verdict, second.alpha) == ("FINE_TUNE", pytest.approx(0.05 / 6))


def test_missing_outputs_count_as_wrong():
    ft = _arm(0.9)
    holes = [None if i % 3 == 0 else cell for i, cell in enumerate(ft)]
    zeros = [0 if cell is None else cell for cell in holes]
    with_holes, with_zeros = (decide(_request(ft=[arm])).conditions[0] for arm in (holes, zeros))
    assert (with_holes.n, with_holes.p_pass) == (200, with_zeros.p_pass)
    assert "missing" in with_holes.warnings[0]


def test_the_chosen_seed_is_judged_in_scope_artifact():
    fields = {"ft": [_arm(0.3), _arm(0.9)]}
    assert decide(_request(**fields)).verdict == "PROMPT"
    assert decide(_request(**fields, chosen_seed=1)).verdict == "FINE_TUNE"


def test_scope_recipe_needs_three_seeds():
    seeds = [_arm(0.9, seed=s) for s in range(3)]
    assert decide(_request(scope="recipe", ft=seeds)).verdict == "FINE_TUNE"
    two = decide(_request(scope="recipe", ft=seeds[:2]))
    assert (two.verdict, two.conditions[0].p_pass) == ("INCONCLUSIVE", 1.0)
    assert "3 training seeds" in two.reasons[0]


def test_the_two_parts_of_the_standard_error_are_told_apart():
    seeds = [_arm(0.9, seed=s) for s in range(3)]
    other = np.array(_arm(0.6, seed=1))
    effects = [np.mean(np.array(arm) - other) for arm in seeds]
    by_seeds = np.std(effects, ddof=1) / np.sqrt(3)
    recipe = decide(_request(scope="recipe", ft=seeds)).conditions[0]
    d = np.mean(seeds, axis=0) - other
    assert recipe.se_items == pytest.approx(np.std(d, ddof=1) / np.sqrt(200))
    assert recipe.se_seeds == pytest.approx(by_seeds)
    artifact = decide(_request(ft=seeds, chosen_seed=2, floor=0.5))
    d = np.array(seeds[2]) - other
    assert artifact.conditions[0].se_items == pytest.approx(np.std(d, ddof=1) / np.sqrt(200))
    assert [c.se_seeds for c in artifact.conditions] == pytest.approx([by_seeds, by_seeds])


def _recipe(*gains: float, items: int, swing: int = 10) -> dict:
    """Seeds that gain so much over a prompt; each loses `swing` items in a hundred, and wins as many others."""
    start = items // 2
    other = [int(i < start) for i in range(items)]
    lost = items * swing // 100

    def seed(gain: float) -> list[int]:
        return [int(lost <= i < start or start <= i < start + lost + round(gain * items)) for i in range(items)]

    return {"scope": "recipe", "ft": [seed(gain) for gain in gains], "baselines": {"p": other}, "margin": 0.02}


def test_where_the_seeds_differ_too_much_the_recipe_needs_seeds_and_not_items():
    few, many = (decide(_request(**_recipe(0.3, 0.1, 0.02, items=count))).conditions[0] for count in (400, 4_000))
    assert few.outcome == many.outcome == "unresolved", "ten times the items prove nothing"
    assert few.n_needed is many.n_needed is None
    needed = int(re.search(r"about (\d+) training seeds would be needed", few.reason)[1])
    again = decide(_request(**_recipe(*(0.3, 0.1, 0.02) * math.ceil(needed / 3), items=400))).conditions[0]
    assert again.outcome == "pass"


def test_the_items_that_a_recipe_needs_make_its_items_part_of_the_doubt_small_enough():
    gains, found = (0.09, 0.1, 0.08), decide(_request(**_recipe(0.09, 0.1, 0.08, items=100))).conditions[0]
    assert found.outcome == "unresolved"
    assert found.n_needed > 100
    assert found.se_seeds > 0
    enough = decide(_request(**_recipe(*gains, items=100 * math.ceil(found.n_needed / 100)))).conditions[0]
    assert enough.outcome == "pass"
    artifact = decide(_request(**{**_recipe(*gains, items=100), "scope": "artifact"})).conditions[0]
    seen = {"effect": artifact.effect, "margin": artifact.margin, "se": artifact.se_items}
    assert artifact.n_needed == items_needed(100, **seen, alpha=0.05), "of one adapter nothing is held"


def test_a_recipe_whose_items_and_seeds_both_leave_too_much_in_doubt_needs_both():
    found = decide(_request(**_recipe(0.2, 0.05, 0.05, items=40, swing=25))).conditions[0]
    assert (found.outcome, found.n_needed) == ("unresolved", None)
    assert "more training seeds and more items would be needed" in found.reason


def test_further_seeds_describe_an_artifact_but_do_not_judge_it():
    one, several = (decide(_request(ft=[_arm(0.9), *more])).conditions[0] for more in ([], [_arm(0.2), _arm(0.5)]))
    assert one.se_seeds is None
    assert several.se_seeds > 0.1
    assert one == several.model_copy(update={"se_seeds": None})


def test_forgetting_was_measured_with_one_seed():
    bench = {"ft": [1, 1, 0], "base": [0, 1, 1]}
    kept = decide(_request(ft=[_arm(0.9), _arm(0.8)], forgetting={"piqa": bench})).conditions[1]
    assert kept.se_seeds is None
    assert kept.se_items == pytest.approx(np.std([1, 0, -1], ddof=1) / np.sqrt(3))


def test_fewer_than_twenty_clusters_prove_nothing():
    few, enough = ([i % count for i in range(200)] for count in (19, 50))
    refused = decide(_request(clusters=few)).conditions[0]
    assert (refused.p_pass, refused.p_fail, refused.test) == (1.0, 1.0, "refused")
    assert "19 clusters" in refused.reason
    assert decide(_request(clusters=enough)).verdict == "FINE_TUNE"


def _label_fields(rate: float = 0.9) -> dict:
    rng = np.random.default_rng(0)
    y = [f"intent {i % 4}" for i in range(240)]

    def arm(accuracy: float) -> list[str | None]:
        return [label if rng.random() < accuracy else rng.choice([*y[:4], None]) for label in y]

    return {"metric": "macro_f1", "y": y, "ft": [arm(rate)], "baselines": {"zero": arm(0.5)}}


def test_macro_f1_with_floor_and_clusters():
    judgement = decide(_request(**_label_fields(), floor=0.7))
    assert judgement.verdict == "FINE_TUNE"
    assert judgement.conditions[0].test == "jackknife_t"
    assert decide(_request(**_label_fields(), clusters=[i // 4 for i in range(240)])).verdict == "FINE_TUNE"
    assert decide(_request(**_label_fields(rate=0.2))).verdict == "PROMPT"


def test_graded_scores_default_to_one_point():
    rng = np.random.default_rng(0)
    fields = {"metric": "graded", "ft": [rng.uniform(0.4, 1, 150).tolist()]}
    judgement = decide(_request(**fields, baselines={"p": rng.uniform(0, 0.8, 150).tolist()}, floor=0.5))
    assert judgement.verdict == "FINE_TUNE"
    assert judgement.conditions[0].margin == 0.01
    assert {c.test for c in judgement.conditions} == {"t_and_bootstrap"}


@pytest.mark.parametrize("metric", ["binary", "graded", "macro_f1"])
def test_perfect_against_nothing_is_settled_without_any_variance(metric):
    y = ["a", "b"] * 50
    good = y if metric == "macro_f1" else [1] * 100
    fields = {"metric": metric, "ft": [good], "baselines": {"none": [None] * 100}, "y": y}
    assert decide(_request(**fields)).verdict == "FINE_TUNE"
    assert decide(_request(**fields | {"ft": [[None] * 100]})).verdict != "FINE_TUNE"
    assert decide(_request(**fields | {"ft": [good] * 3, "scope": "recipe"})).verdict == "FINE_TUNE"


def test_identical_outputs_on_many_items_are_no_gain():
    scores = np.random.default_rng(0).random(600).tolist()
    assert decide(_request(metric="graded", ft=[scores], baselines={"same": scores})).verdict == "PROMPT"


def test_a_judgement_survives_json_without_nan():
    judgement = decide(_request(forgetting={"b": {"ft": [1, 1], "base": [0, 1]}}))
    # pydantic writes NaN as null, which would not come back equal.
    assert type(judgement).model_validate_json(judgement.model_dump_json()) == judgement


def test_five_conditions_of_two_thousand_items_are_quick():
    fields = {
        "ft": [_arm(0.8, n=2000)],
        "baselines": {f"p{i}": _arm(0.78, n=2000, seed=i + 1) for i in range(5)},
    }
    start = time.process_time()
    decide(_request(**fields))
    assert time.process_time() - start < 5
