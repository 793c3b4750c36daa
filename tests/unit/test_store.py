"""Artifacts are whole or absent, and never silently other than they were."""

from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.steps import Step
from harness.store import Artifact, Store

STEP = Step("lock", {"number": 1}, title="a step")


def committed(store: Store, *, error: str = "") -> Artifact:
    with store.workspace(STEP.key) as out:
        (out / "sub").mkdir()
        (out / "sub" / "data.txt").write_text("content")
        return store.commit(STEP, path=out, summary={"n": 1}, seconds=0.5, provenance={}, error=error)


def test_a_committed_artifact_is_found_by_a_new_store(tmp_path: Path) -> None:
    committed(Store(tmp_path))
    found = Store(tmp_path).get(STEP.key)
    assert (found.summary, found.status) == ({"n": 1}, "done")
    assert (found.path / "sub" / "data.txt").read_text() == "content"


def test_a_failed_step_is_an_artifact_that_says_why(tmp_path: Path) -> None:
    found = committed(Store(tmp_path), error="out of memory")
    assert (found.status, found.error) == ("failed", "out of memory")


@pytest.mark.parametrize("damage", ["change", "remove"])
def test_a_damaged_file_is_named_and_never_reused(tmp_path: Path, damage: str) -> None:
    path = committed(Store(tmp_path)).path / "sub" / "data.txt"
    path.unlink() if damage == "remove" else path.write_text("other")
    with pytest.raises(StoreError, match=r"data\.txt.*Fix: remove the folder"):
        Store(tmp_path).find(STEP.key)


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    record = committed(Store(tmp_path)).path / "artifact.json"
    record.write_text(record.read_text()[:50])
    with pytest.raises(StoreError, match=r"artifact\.json: stored record cannot be read"):
        Store(tmp_path).find(STEP.key)


def test_work_without_a_record_never_happened(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / STEP.key).mkdir()
    (tmp_path / STEP.key / "half.txt").write_text("half")
    assert store.find(STEP.key) is None
    assert committed(store).files.keys() == {"sub/data.txt"}


def test_an_uncommitted_workspace_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.workspace(STEP.key) as out:
        (out / "half.txt").write_text("half")
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_removes_what_a_killed_run_left(tmp_path: Path) -> None:
    store = Store(tmp_path)
    committed(store)
    (tmp_path / f".{STEP.key}.abc").mkdir()
    store.sweep()
    assert [path.name for path in tmp_path.iterdir()] == [STEP.key]
    assert [artifact.key for artifact in store.every()] == [STEP.key]
