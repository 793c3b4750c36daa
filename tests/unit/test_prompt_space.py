"""Every prompt of a search is tried once, a better one is found, and a stopped search goes on as it would have."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.adapters.prompt_study import mirror_prompts, suggested_prompt
from harness.adapters.storages import StudyPlace
from harness.prompt_space import FIELDS, Params, identity, nearest_untried, settled, space_size
from harness.prompts import ordered
from harness.records import PromptTrial
from harness.specs import PromptSearchSpec

SPACE: dict[str, list[Any]] = {
    "instruction": ["plain", "engineered", "A: {input}", "B: {input}", "C: {input}"],
    "system": [None],
    "decoding": ["generate", "likelihood"],
    "shots": [0, 3, 6],
    "choose": ["random", "bm25"],
    "seed": [0, 1, 2, 3],
    "order": [0, 1],
    "layout": ["turns", "text"],
}
SMALL = {**SPACE, "instruction": ["plain", "engineered"], "decoding": ["generate"], "shots": [0, 1, 2], "seed": [0, 1]}
WORTH: dict[str, dict[Any, float]] = {
    "instruction": {"B: {input}": 0.25, "engineered": 0.15},
    "decoding": {"likelihood": 0.15},
    "shots": {6: 0.2, 3: 0.1},
    "choose": {"bm25": 0.15},
    "order": {1: 0.05},
    "layout": {"text": 0.1},
}
"""One corner has them all; the seed of a random choice is worth nothing."""


def worth(params: Params) -> float:
    return 0.1 + sum(WORTH.get(name, {}).get(choice, 0.0) for name, choice in params.items())


def searched(
    spec: PromptSearchSpec, *, space: Any, value: Callable[[Params], float] = worth, history: Any = ()
) -> list[PromptTrial]:
    """Goes on from `history` to the last trial, or until nothing is left."""
    found = list(history)
    while len(found) < spec.trials:
        params = suggested_prompt(spec, space=space, history=found, number=len(found))
        if params is None:
            break
        found.append(PromptTrial(arm=f"f/trial_{len(found)}", params=params, value=value(params)))
    return found


def test_what_changes_nothing_makes_no_other_prompt() -> None:
    base = {"instruction": "plain", "system": None, "decoding": "generate", "choose": "bm25", "layout": "text"}
    none = settled({**base, "shots": 0, "seed": 3, "order": 1}, space=SPACE)
    assert none == {"instruction": "plain", "system": None, "decoding": "generate", "shots": 0}
    one = settled({**base, "shots": 1, "seed": 3, "order": 1}, space=SPACE)
    assert one == {**base, "shots": 1}
    similar = settled({**base, "shots": 3, "seed": 3, "order": 1}, space=SPACE)
    assert similar == {**base, "shots": 3, "order": 1}
    assert "seed" in settled({**base, "choose": "random", "shots": 1, "seed": 3, "order": 0}, space=SPACE)


def test_orders_that_arrange_so_many_shots_alike_are_one_order() -> None:
    space = {**SMALL, "order": list(range(6))}
    alike = [order for order in space["order"] if ordered([0, 1], order=order) == [0, 1]]
    assert len(alike) > 1
    base = {"instruction": "plain", "system": None, "decoding": "generate", "choose": "bm25", "layout": "text"}
    assert {settled({**base, "shots": 2, "order": order}, space=space)["order"] for order in alike} == {0}


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_every_prompt_of_the_space_is_tried_once_and_then_the_search_ends(sampler: Any) -> None:
    # No shots: 1. One shot: 2 layouts x (2 seeds + bm25). Two shots: the same x 2 arrangements.
    assert space_size({**SMALL, "order": [0, 3]}) == 2 * (1 + 6 + (12 if ordered([0, 1], order=3) == [1, 0] else 6))
    found = searched(PromptSearchSpec(trials=1_000, sampler=sampler), space=SMALL)
    assert len(found) == len({identity(trial.params) for trial in found}) == space_size(SMALL)
    assert all(trial.params[name] in SMALL[name] for trial in found for name in trial.params)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_stopped_search_goes_on_as_an_undisturbed_one(sampler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = PromptSearchSpec(trials=14, sampler=sampler, seed=3)
    whole = searched(spec, space=SPACE)
    monkeypatch.setattr("harness.adapters.prompt_study._proposed", {})  # As in a new process.
    assert searched(spec, space=SPACE, history=whole[:6]) == whole
    longer = searched(spec.model_copy(update={"trials": 18}), space=SPACE)
    assert longer[:14] == whole
    assert searched(spec.model_copy(update={"seed": 4}), space=SPACE) != whole


def test_the_best_of_four_hundred_prompts_is_found_in_thirty_two() -> None:
    """Measured with ten seeds: TPE finds it with every seed, chance with two of them."""
    assert space_size(SPACE) == 410
    seeds = range(6)
    found = {
        sampler: sum(
            max(trial.value for trial in searched(PromptSearchSpec(trials=32, sampler=sampler, seed=seed), space=SPACE))
            > 0.999
            for seed in seeds
        )
        for sampler in ("tpe", "random")
    }
    assert found["tpe"] >= 5
    assert found["random"] <= 3


def test_the_nearest_untried_prompt_changes_as_little_as_it_can() -> None:
    params = settled({name: SPACE[name][-1] for name in FIELDS}, space=SPACE)
    tried = {identity(params)}
    found = nearest_untried(params, space=SPACE, tried=tried, chance=random.Random(0))
    assert found is not None
    assert sum(found.get(name) != choice for name, choice in params.items()) == 1
    every = {identity(trial.params) for trial in searched(PromptSearchSpec(trials=1_000), space=SMALL)}
    first = settled({name: SMALL[name][0] for name in FIELDS}, space=SMALL)
    assert nearest_untried(first, space=SMALL, tried=every, chance=random.Random(0)) is None


def test_the_journal_opens_as_an_optuna_study(tmp_path: Path) -> None:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    spec, path = PromptSearchSpec(trials=6), tmp_path / "studies" / "first.optimised.journal"
    history = searched(spec, space=SPACE)
    for _ in range(2):
        mirror_prompts(space=SPACE, history=history, place=StudyPlace(path), name="first.optimised")
    loaded = optuna.load_study(study_name="first.optimised", storage=JournalStorage(JournalFileBackend(str(path))))
    assert [one.params for one in loaded.trials] == [one.params for one in history]
    assert [one.user_attrs["arm"] for one in loaded.trials] == [one.arm for one in history]
    assert loaded.best_value == max(trial.value for trial in history)
    assert [one.name for one in path.parent.iterdir() if ".new" in one.name] == []
