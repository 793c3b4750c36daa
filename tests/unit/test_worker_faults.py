"""A worker that breaks, crashes, never starts or leaves others behind: whose fault it is, and what stays."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from light_run import gone, until
from odd_stage import SITE

from harness.errors import StepBroke, UserError
from harness.runner.ending import PATIENCE
from harness.runner.execute import InProcess, read_step, write_step
from harness.runner.local_worker import LocalWorker
from harness.stages import STAGES
from harness.steps import Step
from harness.store import Store

HERE = Path(__file__).parent


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalWorker:
    """Its stages do what their steps say; its folder has a name that is no text."""
    start_up(tmp_path, monkeypatch, text=SITE)
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    return LocalWorker(Store(folder / "store"), folder=folder, offline=True)


def start_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, text: str) -> None:
    """What every Python process does first."""
    (tmp_path / "site").mkdir(exist_ok=True)
    (tmp_path / "site/sitecustomize.py").write_text(text)
    places = (tmp_path / "site", HERE, HERE.parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, places)))


def step(worker: LocalWorker, *acts: str, stage: str = "lock", optional: bool = True) -> Step:
    """A step that takes one of `acts` an attempt."""
    local = {"tries": str(worker.folder / "-".join(["tries", *acts]))}
    worker.folder.mkdir(exist_ok=True)
    return Step(stage, {"acts": list(acts)}, local=local, title="an odd step", optional=optional)


def processes(step: Step) -> list[int]:
    """That tried it."""
    return [int(line) for line in Path(step.local["tries"]).read_text().splitlines()]


def quiet(done: int, total: int) -> None:
    """No progress is shown."""


def test_what_breaks_is_tried_in_a_fresh_process_and_what_breaks_there_fails_alone(worker: LocalWorker) -> None:
    passing, broken, following = step(worker, "GPU", "well"), step(worker, "bug", "bug"), step(worker, "well")
    told: list[str] = []
    with worker:
        assert worker.execute(passing, progress=quiet, tell=told.append).status == "done"
        found = worker.execute(broken, progress=quiet, tell=told.append)
        assert worker.execute(following, progress=quiet, tell=told.append).status == "done"
    assert (found.status, found.error) == ("failed", "KeyError: 'planted'")
    assert "Traceback" in (found.path / "traceback.txt").read_text()
    why = ("RuntimeError: CUDA error: device-side assert triggered", "KeyError: 'planted'")
    assert told == [f"it broke ({error}); a fresh worker begins the step again" for error in why]
    (first, second), (same, third), (fourth,) = map(processes, (passing, broken, following))
    assert second == same, "a worker that did well is kept"
    assert len({first, second, third, fourth}) == 4


def test_a_broken_installation_ends_the_run_and_no_trial_is_blamed(worker: LocalWorker) -> None:
    asked = step(worker, "bug", "import", stage="train")
    with worker, pytest.raises(UserError) as caught:
        worker.execute(asked, progress=quiet)
    assert str(caught.value).startswith(f"{asked.key}: the installation is broken: ImportError: no planted module. Fix")
    assert worker.store.find(asked.key) is None
    assert not list(worker.folder.glob("steps/*.mark"))


def test_a_step_that_is_no_trial_ends_the_run_with_what_is_known(worker: LocalWorker) -> None:
    full, bug = (step(worker, act, stage="predict", optional=False) for act in ("no room", "bug"))
    with worker:
        with pytest.raises(
            UserError, match=r"memory ran out: .* Fix: set model.answer_batch_size: 1, use a smaller mo"
        ):
            worker.execute(full, progress=quiet)
        with pytest.raises(StepBroke, match=r"(?s)python -m harness\.worker .*KeyError"):
            worker.execute(bug, progress=quiet)
    assert processes(full) == processes(bug)


def test_without_a_worker_a_fault_of_the_machine_travels_and_any_other_is_recorded(
    worker: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STAGES, "lock", "odd_stage:act")
    with pytest.raises(ImportError):
        InProcess(worker.store).execute(step(worker, "import"), progress=quiet)
    assert InProcess(worker.store).execute(step(worker, "bug"), progress=quiet).status == "failed"


def test_a_trial_that_its_workers_do_not_survive_is_a_failed_trial(worker: LocalWorker) -> None:
    with worker:
        found = worker.execute(step(worker, "crash", "die"), progress=quiet)
        assert (found.status, found.error) == ("failed", "the worker died twice (signal 9)")
        assert found.seconds > 0.2, "every attempt counts, as a budget of minutes counts them"
        assert worker.execute(step(worker, "well"), progress=quiet).status == "done"


def test_any_other_step_that_its_workers_do_not_survive_ends_the_run(worker: LocalWorker) -> None:
    asked = step(worker, "die", "die", optional=False)
    with worker, pytest.raises(UserError, match=r"worker died twice in “an odd step” \(signal 9\).*memory"):
        worker.execute(asked, progress=quiet)


DIES = "import os\nos.write(2, b'Traceback\\nImportError: half upgraded\\n')\nos._exit(3)\n"


def test_a_worker_that_does_not_start_is_no_trials_fault(
    worker: LocalWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_up(tmp_path, monkeypatch, text=DIES)
    worker.log.parent.mkdir(parents=True)
    worker.log.write_text("words of a run before\n")
    asked = step(worker, "well", stage="train")
    with worker, pytest.raises(UserError) as caught:
        worker.execute(asked, progress=quiet)
    assert caught.value.what == "the worker did not start (status 3): Traceback / ImportError: half upgraded"
    assert caught.value.where == str(worker.log)
    assert worker.store.find(asked.key) is None
    start_up(tmp_path, monkeypatch, text=SITE)
    with worker:
        assert worker.execute(asked, progress=quiet).status == "done", "once it is mended"


ONCE = """\
import os
if not os.path.exists("{0}"):
    open("{0}", "w").close()
    os.kill(os.getpid(), 9)
"""


def test_a_worker_that_is_killed_at_its_start_is_started_once_more(
    worker: LocalWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_up(tmp_path, monkeypatch, text=ONCE.format(tmp_path / "once") + SITE)
    with worker:
        assert worker.execute(step(worker, "well"), progress=quiet).status == "done"
    assert (tmp_path / "once").exists()


def test_a_step_file_keeps_a_path_that_is_no_text(tmp_path: Path) -> None:
    odd = Step("data", {"prompt": "grün"}, local={"path": os.fsdecode(b"/caf\xe9")})
    write_step(odd, tmp_path / "step.json")
    assert read_step(tmp_path / "step.json") == odd
    assert "grün".encode() in (tmp_path / "step.json").read_bytes(), "people read it"


def another(worker: LocalWorker) -> int:
    """The process that a worker has left behind."""
    return int((worker.folder / "another").read_text())


RUN = """\
import sys
from pathlib import Path
from harness.runner.execute import read_step
from harness.runner.local_worker import LocalWorker
from harness.store import Store
folder = Path(sys.argv[1])
worker = LocalWorker(Store(folder / "store"), folder=folder, offline=True)
worker.execute(read_step(folder / "asked.json"), progress=lambda done, total: None)
"""


def test_a_run_that_is_killed_leaves_no_process_behind(worker: LocalWorker) -> None:
    asked = step(worker, "start another and never end")
    write_step(asked, worker.folder / "asked.json")
    run = subprocess.Popen([sys.executable, "-c", RUN, worker.folder], start_new_session=True)
    until(lambda: (worker.folder / "another").exists() and bool((worker.folder / "another").read_text()))
    left = [*processes(asked), another(worker)]
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    for pid in left:
        until(partial(gone, pid), seconds=5)
    assert all(map(gone, left))


def test_a_fork_that_outlives_its_worker_does_not_hold_up_the_run(worker: LocalWorker) -> None:
    with worker:
        assert worker.execute(step(worker, "fork and die", "well"), progress=quiet).status == "done"
        until(partial(gone, another(worker)), seconds=5)


def test_an_idle_worker_tidies_up_and_a_busy_one_ends_at_once(worker: LocalWorker) -> None:
    class Enough(Exception):
        """Somebody stops the run."""

    def stop(done: int, total: int) -> None:
        stopped.append(time.monotonic())
        raise Enough

    tidy, stopped = worker.folder / "tidy", list[float]()
    with worker:
        worker.execute(step(worker, "tidy up"), progress=quiet)
        worker.execute(step(worker, "start another"), progress=quiet)
        assert not tidy.exists()
        assert not gone(another(worker))
    assert tidy.exists()
    until(partial(gone, another(worker)), seconds=5)
    tidy.unlink()
    with pytest.raises(Enough), worker:
        worker.execute(step(worker, "tidy up and never end"), progress=stop)
    assert not tidy.exists()
    assert time.monotonic() - stopped[0] < PATIENCE / 2, "nobody waits for it"
