"""Bytes and commits are found once and stay what they were."""

from pathlib import Path

import pytest
from workspace import make_workspace, swap

from harness import prepare
from harness.errors import UserError
from harness.loading import load_experiment
from harness.pins import Pins


def test_a_hub_data_set_stays_at_the_commit_it_was_first_used_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_workspace(tmp_path)
    swap(tmp_path, "tasks/qa/task.yaml", "source: tasks/qa/data.jsonl", "source: hub:someone/data")
    commits = iter(["aaa", "bbb"])
    monkeypatch.setattr(prepare, "newest_revision", lambda name: next(commits))
    resolved = load_experiment(spec)
    assert prepare.data_source(resolved).identity["revision"] == "aaa"
    assert prepare.data_source(resolved).identity["revision"] == "aaa"
    (tmp_path / ".harness" / "pins.json").unlink()
    assert prepare.data_source(resolved).identity["revision"] == "bbb"


def test_pins_keep_one_another(tmp_path: Path) -> None:
    pins = Pins(tmp_path / "pins.json")
    pins.keep("a", "1")
    pins.keep("b", "2")
    assert (pins.known("a"), pins.known("b"), pins.known("c")) == ("1", "2", None)


def test_a_benchmark_is_its_file_its_data_and_the_code_beside_it(tmp_path: Path) -> None:
    spec = make_workspace(tmp_path)
    file = tmp_path / "tasks" / "forgetting" / "arithmetic.yaml"
    file.write_text("task: arithmetic\nprocess_docs: !function code.clean\nmetadata: {source: tasks/qa/data.jsonl}\n")
    resolved = load_experiment(spec)
    before = prepare.benchmarks(resolved)["arithmetic"]
    assert before.data == str(tmp_path / "tasks" / "qa" / "data.jsonl")
    (file.parent / "code.py").write_text("def clean(docs):\n    return docs\n")
    assert prepare.benchmarks(resolved)["arithmetic"].identity != before.identity


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("task: [", "cannot be read"),
        ("- one\n", "is not an lm-eval task file"),
        ("metadata: {source: nowhere.jsonl}\n", "metadata.source"),
    ],
)
def test_a_broken_benchmark_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    spec = make_workspace(tmp_path)
    (tmp_path / "tasks" / "forgetting" / "arithmetic.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        prepare.benchmarks(load_experiment(spec))
    assert "arithmetic.yaml" in str(caught.value)
    assert words in str(caught.value)
