"""`harness judge` on what people and tools feed it: odd names, odd files, and always an answer or one line."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.main import status

NASTY = ["\ud800", "\x1b[31mred", "a\nb", "\u202eback", "\x9b31m", ":smile:", "[bold]x[/bold]", "", "x" * 5_000]
SCORES = {"metric": "binary", "ft": [[1, 0] * 30], "baselines": {"zero_shot": [0, 0] * 30}}


def judged(folder: Path, *options: str, **fields: object) -> int:
    file = folder / "scores.json"
    file.write_text(json.dumps(SCORES | fields))
    return status(["judge", str(file), *options])


def obeyed(text: str) -> set[str]:
    """Characters that a terminal obeys, or that no output can hold."""
    return {char for char in text if char != "\n" and (not char.isprintable() or "\ud800" <= char <= "\udfff")}


@pytest.mark.parametrize("name", NASTY)
def test_a_name_is_shown_as_it_is_written_and_never_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    part = {"slices": {name: {"items": [0, 1]}}, "forgetting": {name: {"ft": [1, 0], "base": [1, 0]}}}
    assert judged(tmp_path, baselines={name: [0, 0] * 30}, **part) == 4
    shown = capsys.readouterr().out
    assert not obeyed(shown)
    assert name not in (":smile:", "[bold]x[/bold]") or name in shown


@pytest.mark.parametrize("name", NASTY)
def test_a_machine_gets_every_name_back(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert judged(tmp_path, "--json", baselines={name: [0, 0] * 30}) == 0
    text = capsys.readouterr().out
    assert not obeyed(text)
    assert json.loads(text.encode())["conditions"][0]["cond"] == f"beats:{name}"


@pytest.mark.parametrize("name", NASTY)
def test_a_name_in_an_error_line_is_never_obeyed(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert judged(tmp_path, baselines={name: [2, 0] * 30}) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert not obeyed(line)
    assert "2 is neither 0 nor 1" in line
    assert len(line) < 300


def test_names_on_the_command_line_are_not_obeyed_either(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["judge", "\x1b[31m\ud800\n.json"]) == 2
    assert status(["judge", "--\x1b[31m"]) == 2
    assert not obeyed(capsys.readouterr().err)


@pytest.mark.parametrize("value", ["\ud800", "\x1b[31m"])
def test_a_label_may_be_any_text(tmp_path: Path, capsys: pytest.CaptureFixture[str], value: str) -> None:
    labels = [value, "a"] * 30
    assert judged(tmp_path, metric="macro_f1", y=labels, ft=[labels], baselines={"z": ["a"] * 60}) == 0
    assert judged(tmp_path, metric="macro_f1", y=["a"] * 60, ft=[labels], baselines={"z": ["a"] * 60}) == 2
    assert not obeyed(capsys.readouterr().err)


def test_labels_that_the_metric_does_not_read_are_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(tmp_path, y=["a"] * 60) == 0
    assert "y is not used, as metric is binary" in capsys.readouterr().err


def test_the_strictest_level_and_the_last_look_are_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strict = {"alpha": 1e-6, "planned_looks": 100, "prior_uses_of_test_set": 99, "clusters": [*range(30)] * 2}
    assert judged(tmp_path, **strict) == 4
    assert judged(tmp_path, **strict, metric="graded", slices={"s": {"items": [0, 1]}}, floor=1e-300) == 4
    assert judged(tmp_path, prior_uses_of_test_set=10**400) == 4
    assert "1,000,000 verdicts have used these before" in " ".join(capsys.readouterr().out.split())


def test_an_effect_equal_to_its_margin_but_for_rounding_is_open(tmp_path: Path) -> None:
    arms = {"ft": [[0.52] * 60], "baselines": {"z": [0.5] * 60}}
    assert judged(tmp_path, metric="graded", margin=0.02, **arms) == 4


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(SCORES).encode())
    assert status(["judge", str(file)]) == 0


def test_a_closed_standard_input_is_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert status(["judge", "-"]) == 2
    assert "it is empty" in capsys.readouterr().err


def test_a_full_disk_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text(json.dumps(SCORES))
    command = [sys.executable, "-m", "harness", "judge", str(tmp_path / "scores.json")]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "the disk is full. Fix: make room" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_may_not_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def denied(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "secret").touch()
    monkeypatch.setattr("os.access", lambda *where: False)
    monkeypatch.setattr("pathlib.Path.read_bytes", denied)
    assert status(["judge", str(tmp_path / "secret")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be read (Permission denied). Fix: name a JSON file" in line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps(SCORES).encode("utf-16"), "is not UTF-8 (byte 0). Fix: save it as UTF-8"),
        (b"", "it is empty. Fix: give metric, ft and baselines"),
        (None, "cannot be read (Is a directory). Fix: name a JSON file"),
    ],
)
def test_what_is_no_json_file_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, words: str
) -> None:
    file = tmp_path if content is None else tmp_path / "scores.json"
    if content is not None:
        file.write_bytes(content)
    assert status(["judge", str(file)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
