"""The search asks for the same trials however often it is interrupted, and survives failed ones."""

from typing import Any

import pytest

from harness.adapters import study
from harness.adapters.storages import StudyPlace
from harness.records import Epoch, Trial
from harness.specs import SearchSpec, SpaceSpec

SPEC = SearchSpec(trials=12, seed=3, space=SpaceSpec(rank=[4, 8, 16], epochs=[1, 2], learning_rate=(1e-4, 1e-2)))


def trial(number: int, params: dict[str, Any], *values: float, status: str = "complete") -> Trial:
    epochs = [Epoch(epoch=i + 1, train_loss=1.0, tokens=1, validation={"m": value}) for i, value in enumerate(values)]
    return Trial(number=number, params=params, status=status, epochs=epochs, value=max(values, default=None))  # type: ignore[arg-type]


def searched(spec: SearchSpec, *, history: list[Trial], until: int) -> list[Trial]:
    """Goes on from `history`; smaller learning rates score higher, rank 4 always fails."""
    history = list(history)
    for number in range(len(history), until):
        params = study.suggested(spec, history=history, number=number, metric="m")
        failed = params["rank"] == 4
        history.append(
            trial(
                number,
                params,
                *([] if failed else [1 - 50 * params["learning_rate"]]),
                status="failed" if failed else "complete",
            )
        )
    return history


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "gp", "cmaes", "nsga2"])
def test_an_interrupted_search_equals_an_undisturbed_one(sampler: str) -> None:
    spec = SPEC.model_copy(update={"sampler": sampler})
    whole = searched(spec, history=[], until=12)
    half = searched(spec, history=[], until=5)
    assert searched(spec, history=half, until=12) == whole
    assert len({str(one.params) for one in whole}) > 8
    assert {one.status for one in whole} == {"complete", "failed"}


def traded(spec: SearchSpec, *, history: list[Trial], until: int) -> list[Trial]:
    """Goes on from `history`; large learning rates score and forget, epochs cost, rank 4 always fails."""
    history = list(history)
    for number in range(len(history), until):
        params = study.suggested(spec, history=history, number=number, metric="m")
        rate, failed = params["learning_rate"], params["rank"] == 4
        one = Epoch(
            epoch=1, train_loss=1.0, tokens=100 * params["epochs"], validation={"m": 50 * rate}, probe=99 * rate
        )
        found = {"epochs": [one], "best_epoch": 1, "value": 50 * rate} if not failed else {"epochs": []}
        # One that forgot too much is pruned and yet has all its values.
        status = "failed" if failed else "pruned" if rate > 2e-3 else "complete"
        history.append(Trial.model_validate({"number": number, "params": params, "status": status, **found}))
    return history


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "gp", "nsga2"])
def test_an_interrupted_search_for_trade_offs_equals_an_undisturbed_one(sampler: str) -> None:
    spec = SPEC.model_copy(update={"sampler": sampler, "objectives": ["metric", "forgetting", "cost"], "trials": 16})
    whole = traded(spec, history=[], until=16)
    half = traded(spec, history=[], until=7)
    assert traded(spec, history=half, until=16) == whole
    assert len({str(one.params) for one in whole}) > 10
    assert {one.status for one in whole} == {"complete", "pruned", "failed"}


def test_a_study_of_trade_offs_opens_with_its_front(tmp_path: Any) -> None:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    from harness.objectives import front

    spec = SPEC.model_copy(update={"objectives": ["metric", "forgetting"]})
    history, path = traded(spec, history=[], until=10), tmp_path / "s.journal"
    study.mirror(spec, history=history, place=StudyPlace(path), name="demo", metric="m")
    loaded = optuna.load_study(study_name="demo", storage=JournalStorage(JournalFileBackend(str(path))))
    assert [direction.name for direction in loaded.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert [one.number for one in loaded.best_trials] == front(history, objectives=spec.objectives)


def test_parameters_stay_in_their_space() -> None:
    for one in searched(SPEC, history=[], until=12):
        assert one.params["rank"] in SPEC.space.rank
        assert 1e-4 <= one.params["learning_rate"] <= 1e-2
        assert one.params["alpha"] == 2 * one.params["rank"]


def test_the_median_stops_a_trial_that_lags() -> None:
    params = study.suggested(SPEC, history=[], number=0, metric="m")
    history = [trial(i, params, 0.5, 0.6) for i in range(3)]
    assert study.should_stop(SPEC, history=history, running=trial(3, params, 0.2, status="running"), metric="m")
    assert not study.should_stop(SPEC, history=history, running=trial(3, params, 0.7, status="running"), metric="m")
    unpruned = SPEC.model_copy(update={"pruner": "none"})
    assert not study.should_stop(unpruned, history=history, running=trial(3, params, 0.2, status="running"), metric="m")


def test_a_grid_takes_each_combination_once() -> None:
    space = SpaceSpec(rank=[4, 8], epochs=[1], learning_rate=(1e-4, 1e-1), dropout=(0.0, 0.0))
    spec = SPEC.model_copy(update={"sampler": "grid", "trials": 50, "space": space})
    assert spec.most_trials == 8
    tried = [study.suggested(spec, history=[], number=number, metric="m") for number in range(8)]
    assert sorted((one["rank"], one["learning_rate"]) for one in tried) == [
        (rank, rate) for rank in (4, 8) for rate in (1e-4, 1e-3, 1e-2, 1e-1)
    ]


@pytest.mark.parametrize("sampler", ["gp", "cmaes"])
def test_samplers_that_learn_come_near_the_best(sampler: str) -> None:
    """Of the optimum at the low end of a range of two powers of ten, random search would see little."""
    space = SpaceSpec(rank=[8], epochs=[1], learning_rate=(1e-4, 1e-2), dropout=(0.0, 0.5))
    spec = SPEC.model_copy(update={"sampler": sampler, "space": space})
    rates = [one.params["learning_rate"] for one in searched(spec, history=[], until=24)]
    assert sum(rates[12:]) < 0.6 * sum(rates[:12])


def test_patience_gives_an_epoch_more_to_a_trial_that_lags() -> None:
    params = study.suggested(SPEC, history=[], number=0, metric="m")
    history = [trial(i, params, 0.5, 0.6, 0.7) for i in range(3)]
    spec = SPEC.model_copy(update={"pruner": "patient"})
    falls = trial(3, params, 0.3, 0.2, 0.1, status="running")
    rises = trial(3, params, 0.1, 0.2, 0.3, status="running")
    first = trial(3, params, 0.1, status="running")
    stops = [study.should_stop(spec, history=history, running=one, metric="m") for one in (falls, rises, first)]
    assert stops == [True, False, False]


def test_hyperband_keeps_the_best_third_of_a_bracket() -> None:
    params = study.suggested(SPEC, history=[], number=0, metric="m")
    spec = SPEC.model_copy(update={"pruner": "hyperband", "space": SpaceSpec(epochs=[2])})
    history = [trial(i, params, 0.5, 0.6) for i in range(6)]
    assert study.should_stop(spec, history=history, running=trial(6, params, 0.2, status="running"), metric="m")
    assert not study.should_stop(spec, history=history, running=trial(6, params, 0.9, status="running"), metric="m")


def test_wilcoxon_stops_a_trial_that_is_worse_on_most_items() -> None:
    params = study.suggested(SPEC, history=[], number=0, metric="m")
    spec = SPEC.model_copy(update={"pruner": "wilcoxon"})
    best = scored(trial(0, params, 0.7), [0.6 + 0.01 * i for i in range(20)], best_epoch=1)
    worse = scored(trial(1, params, 0.6, status="running"), [0.5 + 0.01 * i for i in range(20)])
    other = scored(trial(1, params, 0.7, status="running"), [0.79 - 0.01 * i for i in range(20)])
    stops = [study.should_stop(spec, history=[best], running=one, metric="m") for one in (worse, other)]
    assert stops == [True, False]


def scored(one: Trial, scores: list[float], **more: Any) -> Trial:
    last = one.epochs[-1].model_copy(update={"scores": scores})
    return one.model_copy(update={"epochs": [*one.epochs[:-1], last], **more})
