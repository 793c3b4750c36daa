"""`check` finds what can be found without a forward pass, and places it."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_world import fake_setup
from workspace import swap

from harness.adapters.forgetting import is_known_task
from harness.cli.main import status
from harness.loading import load_experiment
from harness.plan import Plan
from harness.report.caveats import _definition_warnings


def test_a_good_spec_is_summed_up(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["check", "experiments/first.yaml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["data"]["sizes"] == {"train": 6, "validation": 2, "test": 3}
    assert found["model"]["weight_bytes"] == 1000
    assert [row["name"] for row in found["power"]] == [
        "beats every prompt",
        "floor 0.1 rougeL",
        "floor 0.2 exact_match",
        "keeps:arithmetic",
    ]
    assert (found["power"][0]["items"], found["power"][0]["groups"], found["power"][0]["basis"]) == (3, 3, "assumed")
    assert 0.1 < found["power"][0]["smallest"] < 1
    assert all(seconds >= 0 for seconds in found["seconds"].values())
    assert status(["check", "experiments/first.yaml"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "test items show only large differences" in shown
    assert all(row["sentence"] in shown for row in found["power"])
    assert not (workspace / ".harness").exists()


def test_more_shots_than_training_examples_are_remarked_on(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["check", "experiments/first.yaml", "--json"]) == 0
    before = json.loads(capsys.readouterr().out)["data"]["remarks"]
    swap(workspace, "baselines/few_shot.yaml", "shots: 2", "shots: 7")
    assert status(["check", "experiments/first.yaml", "--json"]) == 0
    [remark] = set(json.loads(capsys.readouterr().out)["data"]["remarks"]) - set(before)
    assert "more shots than the 6 training examples" in remark
    assert remark.endswith("few_shot/two.")


def test_a_search_for_more_shots_than_training_examples_is_remarked_on(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swap(workspace, "baselines/few_shot.yaml", "  - {name: two", "  - {name: plain}\nsearch: {space: {shots: [7]}} #")
    assert status(["check", "experiments/first.yaml", "--json"]) == 0
    assert "the search of few_shot." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "old", "new", "start", "words"),
    [
        ("tasks/qa/task.yaml", "reference: answer", "reference: reply", "tasks/qa/task.yaml:7:14", "no column 'reply'"),
        ("tasks/qa/task.yaml", "    train: 8", "    test: 99", "experiments/first.yaml:18:3", "asks for 105 examples"),
        ("tasks/qa/data.jsonl", "City 3", 'City"3', "", "tasks/qa/data.jsonl: data cannot be read"),
    ],
)
def test_mistakes_in_the_data_are_placed(
    workspace: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, start: str, words: str
) -> None:
    swap(workspace, file, old, new)
    assert status(["check", "experiments/first.yaml"]) == 2
    message = capsys.readouterr().err
    assert message.startswith(start)
    assert words in message
    assert len(message.strip().splitlines()) == 1


def test_an_unknown_benchmark_is_named_before_anything_runs(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swap(workspace, "experiments/first.yaml", "benchmark: arithmetic", "benchmark: no_such_task")
    assert status(["check", "experiments/first.yaml"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("experiments/first.yaml:15:18: unknown benchmark 'no_such_task'. Fix: write tasks/forg")


def test_definitions_of_no_answer_are_remarked_on_where_the_data_give_the_labels(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swap(workspace, "experiments/first.yaml", "task: qa", "task: mood")
    swap(workspace, "experiments/first.yaml", "  metrics:\n    exact_match: {floor: 0.2}\n  rouge: {floor: 0.1}\n", "")
    swap(workspace, "tasks/mood/task.yaml", 'labels: ["good", "bad"]\n', "definitions: {good: fine, baad: grim}\n")
    assert status(["check", "experiments/first.yaml", "--json"]) == 0
    remarks = json.loads(capsys.readouterr().out)["data"]["remarks"]
    [remark] = [remark for remark in remarks if "definitions" in remark]
    assert remark.startswith("no training answer is “baad”")
    swap(workspace, "tasks/mood/task.yaml", "baad", "bad")
    assert status(["check", "experiments/first.yaml", "--json"]) == 0
    assert "definitions" not in capsys.readouterr().out


def test_a_report_tells_of_definitions_that_explain_no_label(workspace: Path) -> None:
    swap(workspace, "experiments/first.yaml", "task: qa", "task: mood")
    swap(workspace, "experiments/first.yaml", "  metrics:\n    exact_match: {floor: 0.2}\n  rouge: {floor: 0.1}\n", "")
    swap(workspace, "tasks/mood/task.yaml", 'labels: ["good", "bad"]\n', "definitions: {good: fine, baad: grim}\n")
    setup = fake_setup(load_experiment(workspace / "experiments/first.yaml"))
    [warning] = _definition_warnings(setup, Plan([], [], labels=["bad", "good"]))
    assert warning.startswith("No training answer is “baad”")
    assert _definition_warnings(setup, Plan([], [], labels=["baad", "good"])) == []


def test_lm_eval_is_asked_only_for_names_that_its_files_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    known = SimpleNamespace(TaskManager=lambda: SimpleNamespace(all_tasks=["arc_easy"]))
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", known)
    assert is_known_task("arc_easy")
    assert not is_known_task("arc_challenge")
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    assert not is_known_task("no_such_task")


def test_a_misspelt_benchmark_is_placed_where_it_is_named(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = "    - {benchmark: arithmetic}\n    - benchmark: arithmatic"
    swap(workspace, "experiments/first.yaml", "    - benchmark: arithmetic", more)
    assert status(["check", "experiments/first.yaml"]) == 2
    message = capsys.readouterr().err
    assert message == "experiments/first.yaml:16:18: unknown benchmark 'arithmatic'. Fix: did you mean arithmetic?\n"


def test_a_missing_column_is_placed_where_it_is_named(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slices = "  slices: [{column: answer}, {column: anwser}]\n  forgetting:"
    swap(workspace, "experiments/first.yaml", "  forgetting:", slices)
    assert status(["check", "experiments/first.yaml"]) == 2
    assert capsys.readouterr().err.startswith("experiments/first.yaml:14:39: data has no column 'anwser'")


def test_a_model_without_safetensors_is_refused(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "model" / "model.safetensors").rename(workspace / "model" / "pytorch_model.bin")
    assert status(["run", "experiments/first.yaml"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("experiments/first.yaml:2:8: model ./model has no *.safetensors")


def test_two_runs_do_not_share_a_workspace(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from filelock import FileLock

    (workspace / ".harness").mkdir()
    with FileLock(workspace / ".harness" / "run.lock"):
        assert status(["run", "experiments/first.yaml"]) == 2
    assert "another run is going on in this workspace" in capsys.readouterr().err
