"""Whatever befalls a run, what is finished is kept, and the same command ends with the report of an undisturbed run.

The processes, the signals, the files and the command are real; training is light (`light_stages`).
"""

import json
import os
import re
import shutil
import signal
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from file_limit import limited
from light_run import (
    VERDICTS,
    ended,
    epochs,
    gone,
    half_done,
    held,
    light_workspace,
    released,
    started,
    timeless,
    until,
    weights,
)
from light_stages import FITS
from safetensors import SafetensorError
from safetensors.numpy import save_file
from workspace import write

from harness.disk import no_room
from harness.errors import StoreError
from harness.runner import deaths
from harness.runner.execute import InProcess, _attempted
from harness.steps import Step
from harness.store import Store


@pytest.fixture(scope="module")
def prompted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace where the prompts are tried and nothing is trained."""
    root = light_workspace(tmp_path_factory.mktemp("prompted"))
    code, err = ended(root, "baselines")
    assert code == 0, err
    return root


@pytest.fixture(scope="module")
def undisturbed(prompted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace where everything is finished and nothing went wrong."""
    root = shutil.copytree(prompted, tmp_path_factory.mktemp("undisturbed") / "w")
    code, err = ended(root)
    assert code in VERDICTS, err
    return root


@pytest.fixture
def root(prompted: Path, tmp_path: Path) -> Path:
    """A workspace where the search is to begin."""
    return shutil.copytree(prompted, tmp_path / "root")


@pytest.fixture
def done(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of the finished one."""
    return shutil.copytree(undisturbed, tmp_path / "done")


def ends_like(root: Path, undisturbed: Path) -> str:
    """The same command gets there, to the same bits; what it said."""
    code, err = ended(root)
    assert code in VERDICTS, err
    assert timeless(root) == timeless(undisturbed)
    assert weights(root) == weights(undisturbed)
    return err


def flat(text: str) -> str:
    """Without the line ends of a narrow terminal."""
    return " ".join(text.split())


def one_message(err: str) -> str:
    """The last line, which is all that is said of a failure."""
    assert "Traceback" not in err, err
    assert "bug" not in err, err
    return err.strip().splitlines()[-1]


STOPS = {
    "Ctrl-C": ([signal.SIGINT], True, 130),
    "Ctrl-C twice": ([signal.SIGINT, signal.SIGINT], True, 130),
    "SIGTERM to the whole group": ([signal.SIGTERM], True, 143),
    "SIGTERM to the run alone": ([signal.SIGTERM], False, 143),
}


def test_a_run_that_was_stopped_in_every_way_ends_like_one_that_was_not(root: Path, undisturbed: Path) -> None:
    kept: dict[str, dict[str, Any]] = {}
    for stop, (name, (signals, group, status)) in enumerate(STOPS.items()):
        held(root, after=stop)
        process = started(root)
        worker = half_done(root)
        for number in signals:
            (os.killpg if group else os.kill)(process.pid, number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == status, name
        assert one_message(err) == "Stopped. Finished steps are kept; the same command goes on from there.", name
        until(partial(gone, worker), seconds=5)
        found = epochs(root)
        assert (len(found), found | kept) == (stop, found), f"{name}: what was finished is neither lost nor done twice"
        kept = found
    released(root)
    ends_like(root, undisturbed)


def test_a_run_that_was_killed_for_memory_goes_on_in_smaller_passes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel ends a control group: the run together with its worker, as often as it begins with as much."""
    held(root, after=1)
    process = started(root)
    worker = half_done(root)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    until(partial(gone, worker), seconds=5)
    released(root)
    (root / "vmstat").write_text(f"oom_kill {10**9}\n")
    monkeypatch.setattr(deaths, "COUNTERS", root / "vmstat")
    code, err = ended(root)
    assert code in VERDICTS, err
    assert "the run was killed for memory; the step begins with 2 examples per pass" in flat(err)
    assert sorted(one["summary"]["micro_batch_size"] for one in epochs(root).values()) == [2, 2, 2, 4]
    assert not list((root / ".harness/steps").glob("*.mark"))


def test_a_worker_killed_in_mid_epoch_is_replaced(root: Path, undisturbed: Path) -> None:
    held(root, after=1)

    def kill() -> None:
        worker = half_done(root)
        os.kill(worker, signal.SIGKILL)
        half_done(root, besides=worker)
        released(root)

    killer = Thread(target=kill)
    killer.start()
    err = ends_like(root, undisturbed)
    killer.join()
    assert "epoch 2 of 2: the worker died (signal 9); a fresh one begins the step again" in flat(err)


def test_data_that_change_while_a_run_goes_on_stop_it_and_spoil_nothing(root: Path, undisturbed: Path) -> None:
    words = root / "words.csv"
    before = words.read_bytes()
    held(root, after=1)
    process = started(root)
    half_done(root)
    words.write_bytes(before[:-1] + b"?")
    released(root)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    told = r"\S*/words\.csv: is not what it was when the run began\. Fix: run the same command again, .*"
    assert re.fullmatch(told, one_message(err))
    assert not list((root / ".harness/store").glob("testset-*")), "no test set of other rows"
    words.write_bytes(before)
    ends_like(root, undisturbed)


def test_a_worker_that_is_killed_again_and_again_gets_half_the_examples(root: Path) -> None:
    """As the kernel does it where memory runs out; what fitted is where later epochs and trials begin."""
    write(root, FITS, "2")
    code, err = ended(root)
    assert code in VERDICTS, err
    assert [one["summary"]["micro_batch_size"] for one in epochs(root).values()] == [2, 2, 2, 2]
    told = flat(err).count("a fresh one begins the step again")
    assert told == 2, "the next epoch does not die first"
    assert "the step again with 2 examples per pass" in flat(err)
    warned = " ".join(timeless(root)["warnings"])
    assert "Memory ran out with 4 examples per pass: 4 of 4 epochs were trained in passes of 2 or more" in warned


def test_a_trial_that_fits_in_no_way_fails_and_the_run_goes_on(root: Path) -> None:
    write(root, FITS, "0")
    code, err = ended(root)
    assert code == 4, err
    errors = [trial["error"] for trial in timeless(root)["trials"]]
    assert len(errors) == 2
    for error in errors:
        assert "killed (signal 9), as when memory runs out, with a single example per pass too: choose a" in error
    assert {one["status"] for one in epochs(root).values()} == {"failed"}, "what failed is on record"


@pytest.mark.parametrize(
    ("size", "where"),
    [(300, r"/\.harness.*"), (150_000, r"/\.harness/store")],
    ids=["the step to do", "the checkpoint"],
)
def test_a_full_disk_is_one_message_and_costs_nothing_finished(
    root: Path, undisturbed: Path, size: int, where: str
) -> None:
    with limited(size):
        code, err = ended(root)
    assert code == 2
    assert re.fullmatch(
        rf"\S*{where}: a file would become larger than the system allows\. Fix: raise the limit .*; "
        r"finished steps are kept, the same command goes on",
        one_message(err),
    )
    assert all((path / "artifact.json").is_file() for path in (root / ".harness/store").glob("*")), "no half artifact"
    assert epochs(root) == {}, "no trial is blamed for it"
    ends_like(root, undisturbed)


def test_weights_that_find_no_room_are_not_blamed_on_the_trial(tmp_path: Path) -> None:
    """safetensors raises an error of its own, which only says in words what the system said."""
    with limited(1000), pytest.raises(SafetensorError) as caught:
        save_file({"weight": np.zeros(10_000)}, str(tmp_path / "optimizer.safetensors"))
    assert str(no_room(caught.value, where=tmp_path)).startswith(f"{tmp_path}: a file would become larger")
    full = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert str(no_room(full)).startswith("the disk is full. Fix: make room;")
    with pytest.raises(SafetensorError):
        _attempted(Step("judge", {}, optional=True), _raising(full))


def _raising(error: Exception) -> Any:
    """What a stage is given, if reading it raises."""

    class Job:
        @property
        def inputs(self) -> dict[str, Any]:
            raise error

        needs = inputs

    return Job()


def test_a_disk_that_fills_while_the_study_is_written_is_one_message(done: Path, undisturbed: Path) -> None:
    (done / ".harness/studies/echo.journal").write_text("old")
    with limited(500):
        code, err = ended(done)
    assert code == 2
    assert re.match(r"\S*/\.harness/studies/echo\.journal: a file would become larger", one_message(err))
    assert os.listdir(done / ".harness/studies") == ["echo.journal"], "what did not fit is not left behind"
    ends_like(done, undisturbed)


def test_a_disk_that_fills_while_the_report_is_written_is_one_message(done: Path, undisturbed: Path) -> None:
    """/dev/full says what a full disk says."""
    page = done / "reports/echo/report.html"
    before = page.read_bytes()
    (page.parent / ".report.html.new").symlink_to("/dev/full")
    code, err = ended(done)
    assert (code, page.read_bytes()) == (2, before)
    assert re.match(r"\S*/reports/echo/report\.html: the disk is full\. Fix: make room;", one_message(err))
    (page.parent / ".report.html.new").unlink()
    ends_like(done, undisturbed)


@pytest.mark.parametrize(
    ("name", "damage"), [("adapter_model.safetensors", "cut"), ("optimizer.safetensors", "change")]
)
def test_a_damaged_checkpoint_is_named_and_only_it_is_made_again(
    done: Path, undisturbed: Path, name: str, damage: str
) -> None:
    record = next(path for path in (done / ".harness/store").glob("train-*/artifact.json") if _first_epoch(path))
    broken = record.parent / name
    content = broken.read_bytes()
    broken.write_bytes(content[:1000] if damage == "cut" else content[:-1] + b"?")
    code, err = ended(done)
    assert code == 2
    words = r"(\S+): .* does not match its hash\. Fix: remove the folder (\S+) and run .*"
    told = re.fullmatch(words, one_message(err))
    assert told is not None
    assert told[1] == str(broken)
    others = {path: path.stat().st_mtime_ns for path in (done / ".harness/store").glob("*/artifact.json")}
    shutil.rmtree(told[2])
    ends_like(done, undisturbed)
    assert broken.read_bytes() == content
    assert [path for path, time in others.items() if path.stat().st_mtime_ns != time] == [record]


def _first_epoch(record: Path) -> bool:
    return bool(json.loads(record.read_text())["inputs"]["epoch"] == 1)


def test_a_checkpoint_damaged_while_it_is_in_use_is_not_blamed_on_the_trial(tmp_path: Path) -> None:
    store = Store(tmp_path)
    epoch = Step("train", {"epoch": 1})
    with store.workspace(epoch.key) as folder:
        (folder / "adapter_model.safetensors").write_bytes(b"weights")
        found = store.commit(epoch, path=folder, summary={}, seconds=0, provenance={})
    (found.path / "adapter_model.safetensors").write_bytes(b"weig")
    following = Step("judge", {"nonsense": 1}, needs={"previous": epoch.key}, optional=True)
    with pytest.raises(StoreError, match=r"adapter_model\.safetensors: stored file does not match its hash"):
        InProcess(store).execute(following, progress=lambda done, total: None)
    assert store.find(following.key) is None


def test_what_lies_in_the_place_of_the_study_changes_nothing(done: Path, undisturbed: Path) -> None:
    journal = done / ".harness/studies/echo.journal"
    journal.write_bytes(b"\x00\xffgarbage")
    ends_like(done, undisturbed)
    assert journal.read_bytes().startswith(b'{"op_code":0')
