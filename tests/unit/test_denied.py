"""What the system does not let the harness write or read is one message, and no bug of the harness."""

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest
from report_samples import fine_tune_report
from workspace import write

from harness import worker
from harness.adapters import tunable
from harness.cli.main import status
from harness.cli.reporting import write_report
from harness.disk import denied, trouble
from harness.errors import UserError
from harness.pins import Pins
from harness.runner.execute import InProcess, write_step
from harness.steps import Step
from harness.store import Store

SPEC = "experiments/first.yaml"
SAID = {
    errno.EACCES: "permission denied. Fix: make it, and the folder it lies in, yours to read and write",
    errno.EROFS: "the disk is mounted read-only. Fix: mount it writable, or copy the workspace",
}


@pytest.fixture(params=SAID)
def number(request: pytest.FixtureRequest) -> int:
    """What the system answers: these tests may be run by root, whom no mode of a file keeps out."""
    return int(request.param)


def barred(monkeypatch: pytest.MonkeyPatch, folder: Path, *, number: int) -> None:
    """No folder can be made in `folder`, nor it itself."""
    made = os.mkdir

    def mkdir(path: Any, *more: Any, **named: Any) -> None:
        if Path(path).is_relative_to(folder):
            raise OSError(number, os.strerror(number), str(path))
        made(path, *more, **named)

    monkeypatch.setattr(os, "mkdir", mkdir)


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    err = capsys.readouterr().err
    assert len(err.strip().splitlines()) == 1, err
    return err


def test_a_workspace_that_cannot_be_written(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    barred(monkeypatch, workspace / ".harness", number=number)
    assert status(["run", SPEC]) == 2
    assert one_line(capsys).startswith(f"{workspace}/.harness: {SAID[number]}")


def test_reports_that_cannot_be_written(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    written = write_report(fine_tune_report(), root=root / "elsewhere")
    barred(monkeypatch, root / "reports", number=number)
    assert status(["report", str(written / "report.json")]) == 2
    assert one_line(capsys).startswith(f"{root}/reports")


def test_a_store_that_cannot_be_written_travels_from_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store = Store(tmp_path / "store")
    write_step(Step("lock", {"number": 1}), tmp_path / "step.json")
    barred(monkeypatch, store.root, number=number)
    asked = {"step": str(tmp_path / "step.json"), "last": True}
    answer = worker._answer(InProcess(store), asked, channel=io.StringIO())
    what, where, fix = answer["user_error"]
    assert f"{what}. Fix: {fix}".startswith(SAID[number])
    assert where == str(store.root)


def test_a_disk_that_becomes_read_only_in_mid_step_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(UserError, match=r"half\.txt: the disk is mounted read-only"), store.workspace("step-1") as out:
        raise OSError(errno.EROFS, "Read-only file system", str(out / "half.txt"))


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    for error in (FileNotFoundError(2, "No such file", "x"), PermissionError(13, "no socket"), ValueError("x")):
        assert denied(error) is None
        assert trouble(error) is None
    with pytest.raises(FileNotFoundError), Store(tmp_path).workspace("step-1"):
        raise FileNotFoundError(2, "No such file", "x")


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("command", ["check", "run", "plan"])
def test_a_model_that_was_half_copied_is_named_with_its_file(
    workspace: Path, capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    write(workspace, f"model/{name}", '{"model_type": "lla')
    assert status([command, SPEC]) == 2
    told = one_line(capsys)
    assert told.startswith(f"{workspace}/model/{name}: is no JSON (")
    assert told.endswith("as when a copy has stopped in the middle. Fix: copy or download it once more\n")


def test_a_configuration_that_is_no_model_s_is_the_model_s_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(folder: Path, **more: Any) -> Any:
        raise ValueError(f"Unrecognized model in {folder}.\nMore of it.")

    monkeypatch.setattr(tunable, "_without_weights", unknown)
    found = tunable.tried(tunable.Tuning("prefix", tmp_path, [{}]))
    assert found is not None
    assert found.what == f"transformers cannot make a model of its config.json: Unrecognized model in {tmp_path}."


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"model:a/b": 1}', b"\xff\xfe\x00"])
def test_pins_that_cannot_be_read_are_named_and_what_removing_them_does(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, "pins.json", content)
    with pytest.raises(UserError) as caught:
        Pins(path).known("model:a/b")
    assert str(caught.value).startswith(f"{path}: cannot be read: ")
    assert "Fix: remove it; what comes from the hub without a revision is then used at its newest" in str(caught.value)
    assert path.read_bytes() == content


def test_a_report_that_is_no_text_is_a_mistake(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, "picture.png", b"\x89PNG\xff\xfe")
    assert status(["report", "picture.png"]) == 2
    assert "is not a report of this version" in one_line(capsys)
