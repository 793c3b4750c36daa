"""The warm worker: real processes, light steps."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.adapters.tables import source_identity
from harness.errors import UserError
from harness.likeness import write_marks
from harness.runner.execute import InProcess, read_step, write_step
from harness.runner.local_worker import LocalWorker
from harness.steps import Step
from harness.store import Store


def light(store: Store, *, number: int = 1) -> Step:
    """A step that takes no time, with what it needs in the store."""
    testset = Step("testset", {})
    if store.find(testset.key) is None:
        with store.workspace(testset.key) as folder:
            write_marks(folder, [["a"]])
            store.commit(testset, path=folder, summary={}, seconds=0, provenance={})
    return Step("lock", {"number": number}, needs={"testset": testset.key}, title="a light step")


def quiet(done: int, total: int) -> None:
    """No progress is shown."""


@pytest.fixture
def worker(tmp_path: Path) -> LocalWorker:
    return LocalWorker(Store(tmp_path / "store"), folder=tmp_path, offline=True)


def test_one_process_serves_many_steps(worker: LocalWorker) -> None:
    with worker:
        for number in range(3):
            worker.execute(light(worker.store, number=number), progress=quiet)
        assert [found.stage for found in worker.store.every()].count("lock") == 3
        assert worker._process is not None
        assert worker._process.poll() is None


def test_a_users_mistake_travels_as_itself(worker: LocalWorker, tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text("{broken")
    inputs = {"data": {"source": "bytes", "input": "{q}"}, "source": source_identity(path)}
    step = Step("data", inputs, local={"path": str(path)})
    with worker, pytest.raises(UserError, match=r"d\.jsonl: data cannot be read.*Fix: mend the file"):
        worker.execute(step, progress=quiet)


def test_a_bug_travels_with_its_traceback_and_the_way_to_repeat_it(worker: LocalWorker) -> None:
    with worker, pytest.raises(RuntimeError, match=r"(?s)python -m harness.worker .*KeyError"):
        worker.execute(Step("judge", {"nonsense": 1}), progress=quiet)
    assert list((worker.folder / "steps").glob("judge-*.json"))


def test_a_worker_ends_with_its_run(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time;"
        f"p = subprocess.Popen([sys.executable, '-m', 'harness.worker', {str(tmp_path)!r}],"
        "stdin=subprocess.PIPE, stdout=subprocess.DEVNULL);"
        "print(p.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(1)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"


def test_a_step_file_repeats_a_step_by_hand(tmp_path: Path) -> None:
    step = light(Store(tmp_path / "store"))
    write_step(step, tmp_path / "step.json")
    assert read_step(tmp_path / "step.json") == step
    command = [sys.executable, "-m", "harness.worker", str(tmp_path / "store"), str(tmp_path / "step.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip(), "lock.json").is_file()


def test_an_optional_step_that_breaks_is_recorded_with_its_traceback(tmp_path: Path) -> None:
    step = Step("judge", {"nonsense": 1}, optional=True)
    found = InProcess(Store(tmp_path)).execute(step, progress=quiet)
    assert found.status == "failed"
    assert found.error.startswith("KeyError")
    assert "Traceback" in (found.path / "traceback.txt").read_text()


def test_a_probe_that_breaks_ends_the_run_and_not_the_trial(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        InProcess(Store(tmp_path)).execute(Step("probe", {"nonsense": 1}, optional=True), progress=quiet)
    assert not list(tmp_path.glob("probe-*"))
