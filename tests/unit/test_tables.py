"""Rows are those of the file as it is now, wherever it lies; what goes wrong beside it is not blamed on it."""

import gzip
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from file_limit import limited

from harness.adapters.forgetting import _kwargs
from harness.adapters.tables import corpus_rows
from harness.errors import UserError

ROWS = [{"q": f"q{i}", "n": 2**53 + i, "more": {"a": [i, None], "b": None if i else "x"}} for i in range(3)]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    """In the form that the name tells."""
    from datasets import Dataset

    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if path.suffix == ".parquet":
        Dataset.from_list(rows).to_parquet(str(path))
    elif path.suffix == ".json":
        path.write_bytes(json.dumps(rows).encode())
    else:
        path.write_bytes(gzip.compress(lines) if "gz" in path.stem else lines)
    return path


@pytest.mark.parametrize(
    "name", ["d.jsonl", "d.json", "d.parquet", "d-gz.jsonl", "proj [v2]/a*b?.jsonl", "[x]/d.parquet"]
)
def test_every_form_is_read_in_any_folder_and_nothing_is_left_behind(tmp_path: Path, scratch: Path, name: str) -> None:
    assert corpus_rows(written(tmp_path / name, ROWS)) == ROWS
    assert list(scratch.iterdir()) == []


def test_a_pattern_finds_no_other_file(tmp_path: Path) -> None:
    written(tmp_path / "d1.jsonl", [{"q": "other"}])
    assert corpus_rows(written(tmp_path / "d[1].jsonl", [{"q": "mine"}])) == [{"q": "mine"}]


def renewed(path: Path, rows: list[dict[str, Any]]) -> None:
    """Other rows in the same place, of the same size and the same time."""
    before = path.stat()
    written(path, rows)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_a_file_of_the_same_size_and_time_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path / "d.jsonl", [{"q": "one"}])
    assert corpus_rows(path) == [{"q": "one"}]
    renewed(path, [{"q": "two"}])
    assert corpus_rows(path) == [{"q": "two"}]


def test_so_is_the_data_of_a_benchmark(tmp_path: Path) -> None:
    from datasets import load_dataset

    def rows() -> list[dict[str, Any]]:
        with tempfile.TemporaryDirectory() as folder:
            found = load_dataset("json", **_kwargs(path, folder=folder))
        return list(found["test"])

    path = written(tmp_path / "proj [v2]/bench.jsonl", [{"q": "one"}])
    assert rows() == [{"q": "one"}]
    renewed(path, [{"q": "two"}])
    assert rows() == [{"q": "two"}]


def test_no_room_to_convert_a_file_is_told_of_the_disk(tmp_path: Path, scratch: Path) -> None:
    path = written(tmp_path / "d.jsonl", ROWS)
    with limited(300), pytest.raises(UserError) as caught:
        corpus_rows(path)
    assert str(caught.value).startswith(f"{scratch}: a file would become larger than the system allows. Fix: ")
    assert list(scratch.iterdir()) == []


def test_no_temporary_folder_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "d.jsonl", ROWS)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(UserError) as caught:
        corpus_rows(path)
    assert str(caught.value).startswith(f"{tmp_path}/nowhere/llm-harness-")
    assert "which cannot be written (No such file or directory). Fix: set TMPDIR to a folder" in str(caught.value)


def test_a_temporary_folder_that_is_barred_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: str, **more: Any) -> Any:
        file = f"{more['cache_dir']}/json.lock"
        raise PermissionError(13, "Permission denied", file)

    monkeypatch.setattr("datasets.Dataset.from_json", denied)
    with pytest.raises(UserError, match=r"json\.lock: data are converted .*cannot be written \(Permission denied\)"):
        corpus_rows(written(tmp_path / "d.jsonl", ROWS))
