"""What a search's parameters did to its scores: a planted cause is found, noise is not taken for one."""

import math
import random
from typing import Any

import pytest
from test_study import trial

from harness.adapters.importances import importances
from harness.plan import Plan
from harness.plan.state import PromptSearch
from harness.records import PromptTrial, Trial
from harness.report.search_rows import SearchView
from harness.report.search_views import FEWEST, search_views


def plan_of(trials: list[Trial], *, champion: str | None = None, **more: Any) -> Plan:
    return Plan([], [], trials=trials, champions={"tuned": champion} if champion else {}, **more)


def viewed(plan: Plan) -> list[SearchView]:
    return search_views(plan, logarithmic={"learning_rate"})


def searched(count: int, *, seed: int = 0) -> list[Trial]:
    """Scores that rise with the logarithm of the rate, whatever the rank."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        rate, rank = 10 ** chance.uniform(-5, -2), chance.choice([4, 8, 16])
        params = {"rank": rank, "alpha": 2 * rank, "learning_rate": rate, "dropout": chance.random(), "epochs": 3}
        found.append(trial(number, params, 0.5 + 0.1 * (5 + round(chance.gauss(0, 0.05), 3) + math.log10(rate)) / 3))
    return found


def test_the_parameter_that_decides_comes_first_and_above_chance() -> None:
    (view,) = viewed(plan_of(searched(12), champion="tuned/trial-5"))
    first, *others = view.parameters
    assert (view.search, first.name, first.scale) == ("tuned", "learning_rate", "log")
    assert first.share is not None
    assert first.chance is not None
    assert first.share > max(0.5, first.chance)
    assert {one.name: one.scale for one in others} == {"rank": "choice", "dropout": "linear"}
    assert all((one.share or 0) < first.share for one in others)
    assert [one.trial for one in first.points if one.chosen] == ["5"]
    assert "12 scored trials" in view.remark
    assert "few trials" in view.remark
    assert viewed(plan_of(searched(12), champion="tuned/trial-5")) == [view]


def test_noise_seldom_passes_what_chance_gives() -> None:
    passed = 0
    for seed in range(3):
        chance = random.Random(seed)
        rows = [{"a": chance.random(), "b": chance.choice("xyz")} for _ in range(10)]
        found = importances(rows, scores=[chance.random() for _ in rows])
        passed += sum(one.share > one.chance for one in found.values())
    assert passed <= 2  # Of 6, each with a chance of 1 in 20; more than 2 would come once in 500.


def test_few_trials_show_no_importance_and_say_why() -> None:
    (view,) = viewed(plan_of(searched(FEWEST - 1)))
    assert all(one.share is None and one.chance is None for one in view.parameters)
    assert view.remark.startswith("How much each parameter mattered is not computed: 7 scored trials")


def test_equal_scores_have_no_importance() -> None:
    flat = [one.model_copy(update={"value": 0.5}) for one in searched(10)]
    (view,) = viewed(plan_of(flat))
    assert all(one.share is None for one in view.parameters)
    assert "have the same score" in view.remark


def test_failed_trials_are_left_out_and_pruned_ones_are_marked() -> None:
    trials = searched(3)
    trials[0] = trials[0].model_copy(update={"status": "failed"})
    trials[1] = trials[1].model_copy(update={"status": "pruned"})
    (view,) = viewed(plan_of(trials))
    assert [(one.trial, one.pruned) for one in view.parameters[0].points] == [("1", True), ("2", False)]


def test_a_parameter_that_only_some_trials_have_is_shown_without_a_share() -> None:
    trials = [
        one.model_copy(update={"params": one.params | ({"prefix": one.number} if one.number % 2 else {})})
        for one in searched(10)
    ]
    (view,) = viewed(plan_of(trials))
    (prefix,) = [one for one in view.parameters if one.name == "prefix"]
    assert [one.value for one in prefix.points] == [1, 3, 5, 7, 9]
    assert prefix.share is None
    assert any(one.share is not None for one in view.parameters)


@pytest.mark.parametrize(
    "trials", [[], searched(1), [one.model_copy(update={"params": {"a": 1}}) for one in searched(3)]]
)
def test_where_nothing_varied_nothing_is_shown(trials: list[Trial]) -> None:
    assert viewed(plan_of(trials)) == []


def test_a_search_for_a_prompt_is_shown_like_one_for_an_adapter() -> None:
    shots, orders = [0, 2, 4, 8], [None, 0, 1, 2]
    known = [
        PromptTrial(
            arm=f"optimised/trial_{i}",
            params={"shots": shot} | ({} if order is None else {"order": order}),
            value=0.1 * i,
        )
        for i, (shot, order) in enumerate(zip(shots, orders, strict=True))
    ]
    searches = {"optimised": PromptSearch({}, known)}
    (view,) = viewed(plan_of([], prompt_searches=searches))
    assert view.search == "optimised"
    assert {one.name: [point.value for point in one.points] for one in view.parameters} == {
        "shots": shots,
        "order": [0, 1, 2],
    }
    assert view.parameters[0].points[1].trial == "trial_1"
