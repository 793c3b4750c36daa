"""The search asks for the same trials however often it is interrupted, and survives failed ones."""

from typing import Any

import pytest

from harness.adapters import study
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


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_an_interrupted_search_equals_an_undisturbed_one(sampler: str) -> None:
    spec = SPEC.model_copy(update={"sampler": sampler})
    whole = searched(spec, history=[], until=12)
    half = searched(spec, history=[], until=5)
    assert searched(spec, history=half, until=12) == whole
    assert len({str(one.params) for one in whole}) > 8
    assert {one.status for one in whole} == {"complete", "failed"}


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


def test_the_journal_opens_as_an_optuna_study(tmp_path: Any) -> None:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    history = searched(SPEC, history=[], until=4)
    for _ in range(2):
        study.mirror(SPEC, history=history, path=tmp_path / "s.journal", name="demo", metric="m")
    loaded = optuna.load_study(
        study_name="demo", storage=JournalStorage(JournalFileBackend(str(tmp_path / "s.journal")))
    )
    assert [one.params["rank"] for one in loaded.trials] == [one.params["rank"] for one in history]
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".new"] == []
