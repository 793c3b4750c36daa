"""`check` and the report say what is learnt besides the task, what was left out of it, and what it costs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import report_samples as samples
from workspace import swap, write

from harness.asks import Sizes
from harness.cli.main import status
from harness.estimate import TOKENS_PER_SECOND, TRAINED, expected_work
from harness.family_asks import every_family_asks, tuned_training
from harness.loading import load_experiment
from harness.report.data_rows import FurtherRows
from harness.report.html import render_html
from harness.report.markdown import render_markdown
from harness.training_asks import Training

SPEC = "experiments/first.yaml"
SIZES = Sizes(train=100, validation=20, test=30, input_characters=40, reference_characters=8)
ROWS = FurtherRows(
    role="replay",
    source="data/<general>.jsonl",
    license="CC0",
    rows=1_221,
    kept=1_209,
    unusable=2,
    repeats={"test": 9, "piqa": 1},
    sha256="ab" * 32,
)


def tales(root: Path, *planted: str) -> None:
    told = [*(f"Tale {name} is of a fox that went over seven hills." for name in "abcdefgh"), *planted]
    write(root, "tales.jsonl", "".join(f"{json.dumps({'text': said})}\n" for said in told))
    swap(root, SPEC, "  trials: 2\n", "  trials: 2\n  text: {source: tales.jsonl}\n")


def test_check_counts_the_rows_and_those_that_repeat_held_out_items(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"question": f"What is the capital of the land of {name * 3}?", "answer": "x"} for name in "abcdefghijkl"]
    write(workspace, "tasks/qa/data.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    tales(workspace, *(row["question"] for row in rows[:5]))
    assert status(["check", SPEC, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (remark,) = [text for text in found["data"]["remarks"] if text.startswith("text has")]
    assert remark.startswith("text has 13 rows to train on, less those that ")
    assert "repeat test items" in remark or "repeat validation items" in remark


def test_check_refuses_a_source_without_the_column_at_its_place(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tales(workspace)
    swap(workspace, SPEC, "tales.jsonl}", "tales.jsonl, column: body}")
    assert status(["check", SPEC]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"{SPEC}:6:")
    assert "the rows have no column 'body'; they have 'text'" in message


def test_a_mistake_in_the_data_of_a_mixed_task_is_told_of_that_task(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swap(workspace, SPEC, "  trials: 2\n", "  trials: 2\n  mix: {tasks: [mood]}\n")
    swap(workspace, "tasks/mood/task.yaml", "reference: mood", "reference: moods")
    assert status(["check", SPEC]) == 2
    assert "tasks/mood/task.yaml: data.reference: data has no column 'moods'" in capsys.readouterr().err


def test_the_report_names_the_source_its_licence_and_what_was_left_out() -> None:
    full = samples.fine_tune_report()
    report = full.model_copy(update={"data": full.data.model_copy(update={"further": [ROWS]})})
    said = "replay: 1,209 of 1,221 rows of data/&lt;general&gt;.jsonl, licence CC0; left out: "
    assert f"{said}9 repeat test, 1 repeat piqa, 2 lack a text; SHA-256 abababababab" in render_html(report)
    assert "1,209 of 1,221 rows" in render_markdown(report)
    assert "Trained on besides" not in render_html(full)


def training(root: Path, section: str, **further: tuple[int, float]) -> Training:
    resolved = load_experiment(root / SPEC, overrides=[section] if section else [])
    return tuned_training(resolved, sizes=replace(SIZES, further=further))


def test_what_is_learnt_besides_counts_in_epochs_tokens_and_time(root: Path) -> None:
    write(root, "more.jsonl", "{}\n")
    plain = training(root, "")
    assert plain.epochs == plain.scored == 2 * 3
    text = training(root, "search.text={source: more.jsonl, epochs: 2}", text=(1000, 400.0))
    assert (text.epochs, text.scored) == (plain.epochs + 4, plain.scored)
    assert text.tokens == pytest.approx(plain.tokens + 4 * 100_000)
    pairs = training(root, "search.preferences={source: more.jsonl}", preferences=(10, 40.0))
    assert (pairs.epochs, pairs.scored) == (plain.epochs + 2, plain.scored + 2)
    assert pairs.tokens > plain.tokens
    instead = training(root, "search.preferences={source: more.jsonl, after: nothing}", preferences=(10, 40.0))
    assert (instead.epochs, instead.scored) == (plain.epochs, plain.scored)
    assert instead.tokens < plain.tokens
    replayed = training(root, "search.replay={source: more.jsonl, share: 0.5}", replay=(1000, 40.0))
    assert 1.5 * plain.tokens < replayed.tokens < 3 * plain.tokens


def test_the_time_of_a_run_grows_with_the_text(root: Path) -> None:
    write(root, "more.jsonl", "{}\n")
    resolved = load_experiment(root / SPEC, overrides=["search.text={source: more.jsonl}"])
    sizes = replace(SIZES, further={"text": (1000, 400.0)})
    asked = every_family_asks(resolved, sizes=sizes)
    rows = {row.kind: row for row in expected_work(resolved, asked=asked, sizes=sizes, weight_bytes=270_000_000)}
    assert rows["train"].count == rows["tuned"].count + 2
    assert rows["train"].count * rows["train"].seconds > 2 * 100_000 * TRAINED / TOKENS_PER_SECOND["bfloat16"]
