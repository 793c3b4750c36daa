"""The study on disk is a copy for optuna-dashboard: what lies in its place, or who has it open, changes nothing."""

from pathlib import Path

import pytest
from test_study import SPEC, searched

from harness.adapters import study
from harness.adapters.storages import StudyPlace
from harness.errors import UserError
from harness.specs import SpaceSpec

FOREIGN = SPEC.model_copy(update={"space": SpaceSpec(rank=[1, 2], epochs=[7]), "seed": 9})


def opened(path: Path) -> object:
    """As optuna-dashboard opens it."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(path)))


def ranks(storage: object, *, name: str = "demo") -> list[int]:
    import optuna

    return [one.params["rank"] for one in optuna.load_study(study_name=name, storage=storage).trials]  # type: ignore[arg-type]


def mirrored(path: Path, *, trials: int) -> list[int]:
    history = searched(SPEC, history=[], until=trials)
    study.mirror(SPEC, history=history, place=StudyPlace(path), name="demo", metric="m")
    return [one.params["rank"] for one in history]


@pytest.mark.parametrize("name", ["demo", "another"])
def test_a_study_from_another_spec_is_replaced(tmp_path: Path, name: str) -> None:
    path = tmp_path / "s.journal"
    study.mirror(FOREIGN, history=searched(FOREIGN, history=[], until=5), place=StudyPlace(path), name=name, metric="m")
    assert ranks(opened(path), name=name) != []
    assert mirrored(path, trials=3) == ranks(opened(path))


@pytest.mark.parametrize("content", [b"", b"\x00\xffgarbage", b'{"op_code":0,"worker', b'{"op_code":99}\n'])
def test_a_damaged_study_is_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.journal"
    for place in (path, path.with_suffix(".new")):
        place.write_bytes(content)
    assert mirrored(path, trials=3) == ranks(opened(path))


def test_a_study_that_is_open_elsewhere_is_replaced_and_seen(tmp_path: Path) -> None:
    """A dashboard keeps reading; a lock that a dead one left is not waited for."""
    path = tmp_path / "s.journal"
    mirrored(path, trials=2)
    dashboard = opened(path)
    assert len(ranks(dashboard)) == 2
    (tmp_path / "s.journal.lock").symlink_to(path)
    assert mirrored(path, trials=4) == ranks(dashboard)


def test_what_cannot_be_replaced_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "s.journal"
    path.mkdir()
    with pytest.raises(UserError, match=r"s\.\w+: the study cannot be written .*\. Fix: move \S+s\.journal away"):
        mirrored(path, trials=1)
    assert [one.name for one in tmp_path.iterdir()] == ["s.journal"]
    path.rmdir()
    mirrored(path, trials=1)
