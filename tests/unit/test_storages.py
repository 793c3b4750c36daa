"""A study on disk follows its search, and nothing else in the same storage is touched."""

import os
from pathlib import Path
from typing import Any

import optuna
import pytest
from fake_world import FakeWorld, fake_setup
from test_study import SPEC, trial
from workspace import swap

from harness.adapters import storages, study
from harness.adapters.storages import OWNER, StudyPlace, checked_storage, located
from harness.cli.mirroring import StudyMirror
from harness.errors import UserError
from harness.loading import load_experiment
from harness.records import Trial

KINDS = ["journal", "sqlite"]


def place_in(folder: Path, kind: str, *, owner: str = "me") -> StudyPlace:
    url = f"sqlite:///{folder / 'studies.db'}" if kind == "sqlite" else None
    return StudyPlace(folder / "demo.journal", url, owner)


def opened(place: StudyPlace, name: str = "demo") -> Any:
    """The study as anybody's Optuna reads it."""
    if place.url is not None:
        return optuna.load_study(study_name=name, storage=place.url)
    backend = optuna.storages.journal.JournalFileBackend(str(place.journal))
    return optuna.load_study(study_name=name, storage=optuna.storages.JournalStorage(backend))


def mirrored(history: list[Trial], place: StudyPlace) -> Any:
    study.mirror(SPEC, history=history, place=place, name="demo", metric="m")
    return opened(place)


def history(*ends: tuple[tuple[float, ...], str]) -> list[Trial]:
    """Trials with the scores of their epochs, and how they ended."""
    found: list[Trial] = []
    for number, (scores, status) in enumerate(ends):
        params = study.suggested(SPEC, history=found, number=number, metric="m")
        found.append(trial(number, params, *scores, status=status))
    return found


@pytest.fixture(autouse=True)
def closed() -> Any:
    """Optuna leaves the connections of `load_study` to the garbage collector."""
    yield
    import gc

    gc.collect()


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_grows_with_its_search(tmp_path: Path, kind: str) -> None:
    place = place_in(tmp_path, kind)
    first = mirrored(history(((0.5, 0.6), "complete"), ((0.2,), "running")), place).trials
    assert [one.state.name for one in first] == ["COMPLETE", "RUNNING"]
    assert first[1].intermediate_values == {1: 0.2}
    ends = [((0.5, 0.6), "complete"), ((0.2, 0.3), "pruned"), ((), "failed")]
    for _ in range(2):
        last = mirrored(history(*ends), place)
        assert [one.state.name for one in last.trials] == ["COMPLETE", "PRUNED", "FAIL"]
        assert [one.intermediate_values for one in last.trials] == [{1: 0.5, 2: 0.6}, {1: 0.2, 2: 0.3}, {}]
        assert [one.value for one in last.trials] == [0.6, 0.3, None]
        assert last.best_trial.number == 0
        # The same trials, not copies: what a person wrote beside them in the dashboard stays.
        assert [one._trial_id for one in last.trials[:2]] == [one._trial_id for one in first]
    assert [one.params["rank"] for one in last.trials] == [one.params["rank"] for one in history(*ends)]


@pytest.mark.parametrize("kind", KINDS)
def test_another_search_of_the_same_name_takes_its_place(tmp_path: Path, kind: str) -> None:
    place = place_in(tmp_path, kind)
    mirrored(history(((0.5,), "complete"), ((0.7,), "complete")), place)
    changed = history(((0.4,), "complete"))
    assert [one.value for one in mirrored(changed, place).trials] == [0.4]
    other = SPEC.model_copy(update={"space": SPEC.space.model_copy(update={"rank": [2]})})
    params = study.suggested(other, history=[], number=0, metric="m")
    study.mirror(other, history=[trial(0, params, 0.4)], place=place, name="demo", metric="m")
    assert [one.params["rank"] for one in opened(place).trials] == [2]


def test_the_studies_of_others_in_a_database_are_left_alone(tmp_path: Path) -> None:
    place = place_in(tmp_path, "sqlite")
    theirs = optuna.create_study(study_name="demo", storage=place.url)
    theirs.optimize(lambda one: one.suggest_float("x", 0, 1), n_trials=2)
    optuna.create_study(study_name="unrelated", storage=place.url)
    before = [one.params for one in theirs.trials]
    for scores in (((0.5,), "complete"), ((0.6,), "complete")):  # The second replaces the first.
        study.mirror(SPEC, history=history(scores), place=place, name="demo", metric="m")
    names = sorted(found.study_name for found in optuna.get_all_study_summaries(storage=place.url))
    assert names == ["demo", "demo-me", "unrelated"]
    assert [one.params for one in opened(place).trials] == before
    assert opened(place, "demo-me").best_value == 0.6
    assert opened(place, "demo-me").user_attrs == {OWNER: "me"}


def test_a_journal_that_was_cut_off_is_written_anew(tmp_path: Path) -> None:
    place, ends = place_in(tmp_path, "journal"), [((0.5,), "complete"), ((0.7,), "complete")]
    mirrored(history(*ends), place)
    whole = place.journal.read_bytes()
    place.journal.write_bytes(whole[: len(whole) // 2])
    assert [one.value for one in mirrored(history(*ends), place).trials] == [0.5, 0.7]
    assert sorted(os.listdir(tmp_path)) == ["demo.journal"]


@pytest.fixture
def told() -> list[str]:
    return []


def watched(root: Path, told: list[str], *, url: str) -> Any:
    """A search whose every plan is written to a database; its plan."""
    swap(root, "experiments/first.yaml", "  trials: 2\n", f"  trials: 2\n  storage: '{url}'\n")
    setup = fake_setup(load_experiment(root / "experiments/first.yaml"))
    mirror = StudyMirror(setup, state=root / ".harness", warn=told.append)
    world = FakeWorld(lambda step, world: 0.5)
    for steps in range(200):
        current = world.reach(setup, goal="search", at_most=steps and 1)
        mirror(current)
        if current.done:
            return current
    raise AssertionError("the search does not end")


def test_a_search_is_followed_in_a_database_of_the_workspace(root: Path, told: list[str]) -> None:
    found = watched(root, told, url="sqlite:///kept/studies.db")
    assert told == []
    loaded = optuna.load_study(study_name="first", storage=f"sqlite:///{root / 'kept' / 'studies.db'}")
    assert [one.state.name for one in loaded.trials] == ["COMPLETE"] * len(found.trials)
    assert not (root / ".harness" / "studies").exists()


def test_a_database_that_fails_is_told_once_and_the_journal_goes_on(
    root: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused(optuna.storages.RDBStorage):
        def __init__(self, url: str, **more: Any) -> None:
            raise RuntimeError(f"cannot connect to {url}\nand more")

    monkeypatch.setattr(optuna.storages, "RDBStorage", Refused)
    monkeypatch.setenv("HARNESS_STORAGE_PASSWORD", "planted-word")
    found = watched(root, told, url="postgresql+pg8000://someone@localhost/studies")
    (line,) = told
    assert line.startswith("warning: experiments/first.yaml:6:12: the Optuna study cannot be written")
    assert "someone:…@localhost" in line
    assert "planted-word" not in line
    assert "the search goes on" in line
    loaded = opened(StudyPlace(root / ".harness" / "studies" / "first.journal"), "first")
    assert len(loaded.trials) == len(found.trials) == 2


def test_a_journal_that_cannot_be_written_is_told_once(root: Path, told: list[str]) -> None:
    (root / ".harness").mkdir()
    (root / ".harness" / "studies").write_text("in the way")
    setup = fake_setup(load_experiment(root / "experiments/first.yaml"))
    mirror = StudyMirror(setup, state=root / ".harness", warn=told.append)
    world = FakeWorld(lambda step, world: 0.5)
    for _ in range(2):
        mirror(world.reach(setup, goal="search"))
    (line,) = told
    assert "the study cannot be written for Optuna (File exists). Fix: move " in line


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://h/d", ["needs the package psycopg[binary]", "pip install 'psycopg[binary]'"]),
        ("mysql+pymysql://h/d", ["needs the package PyMySQL", "pip install PyMySQL"]),
        ("nosuch://h/d", ["a database of kind nosuch, which SQLAlchemy does not know"]),
        ("sqlite:///../d.db", ["leads out of the workspace"]),
    ],
)
def test_a_database_that_cannot_be_opened_here_is_told_before_anything_starts(
    tmp_path: Path, url: str, words: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        checked_storage(url, root=tmp_path, where="here")
    for word in words:
        assert word in str(caught.value)


def test_a_file_of_the_workspace_or_anywhere_is_fine(tmp_path: Path) -> None:
    for url in ("sqlite:///d.db", "sqlite:////elsewhere/d.db"):
        checked_storage(url, root=tmp_path, where="here")
    assert located("sqlite:///a/../d.db", root=tmp_path) == f"sqlite:///{tmp_path}/d.db"
    assert located("sqlite:////x/d.db", root=tmp_path) == "sqlite:////x/d.db"
    assert storages.located("postgresql://h/d", root=tmp_path) == "postgresql://h/d"
