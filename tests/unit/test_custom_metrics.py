"""A task's own metric meets odd answers before it meets a real one, so on validation and never first on test."""

import os
import py_compile
from pathlib import Path
from typing import Any

import pytest

from harness.adapters.answer_scores import ODD_ANSWERS, answer_scores
from harness.canonical import digest
from harness.errors import SourceChanged, UserError
from harness.records import Example, Prediction
from harness.stages.score import scored_rows

NAME = "metrics.py:score"
ITEMS = [Example(id=name, split="validation", group=name, input=name, reference="3") for name in ("a", "b")]


def custom(folder: Path, body: str, *answers: str, labels: list[str] | None = None) -> list[float]:
    (folder / "metrics.py").write_text(f"def score(answer, reference, text):\n    {body}\n")
    items = ITEMS[: len(answers)]
    return answer_scores([NAME], answers=answers, items=items, task_dir=folder, labels=labels)[NAME]


def test_a_sound_metric_scores_every_answer(tmp_path: Path) -> None:
    assert custom(tmp_path, "return float(answer == reference)", "3", "4") == [1.0, 0.0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return float(abs(int(answer) - int(reference)) < 1)", "raised ValueError"),
        ("return float(answer.split()[1] == reference)", "raised IndexError"),
        ("return 1 / (len(answer) < 1_000)", "raised ZeroDivisionError"),
        ("return float(bool(answer.encode('ascii')))", "raised UnicodeEncodeError"),
        ("import re; return float(bool(re.match(answer, reference)))", "raised error"),
        (
            "import json; return float(json.loads(answer) == 3)",
            "raised JSONDec",
        ),
        ("return len(answer) / 10", "returned 500.0"),
        ("return None", "returned None"),
    ],
)
def test_a_metric_that_fails_on_some_answer_is_named_before_real_ones(tmp_path: Path, body: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        custom(tmp_path, body, "3", "3")
    assert words in caught.value.what
    assert "(a trial with an odd answer; a model may give any)" in caught.value.what
    assert caught.value.fix


def test_the_answers_of_a_label_task_are_its_labels_or_none(tmp_path: Path) -> None:
    body = "return {'yes': 0.5, 'no': 1.0}[answer]"
    assert custom(tmp_path, body, "yes", "no", labels=["yes", "no"]) == [0.5, 1.0]
    with pytest.raises(UserError, match="raised KeyError"):
        custom(tmp_path, body, "yes", "no", labels=["yes", "no", "perhaps"])


def test_a_metric_of_the_hub_is_tried_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Overlap:
        def compute(self, predictions: list[str], references: list[str]) -> dict[str, Any]:
            words = predictions[0].split()
            return {"kind": "text", "overlap": sum(word in references[0] for word in words) / (len(words) - 1)}

    monkeypatch.setattr("evaluate.load", lambda name: Overlap())
    with pytest.raises(UserError, match=r"evaluate:overlap raised ZeroDivisionError.*trial with an odd answer"):
        answer_scores(["evaluate:overlap"], answers=["3"], items=ITEMS[:1], task_dir=None)
    monkeypatch.setattr("harness.adapters.answer_scores.ODD_ANSWERS", ODD_ANSWERS[:1])
    found = answer_scores(["evaluate:overlap"], answers=["3 4"], items=ITEMS[:1], task_dir=None)
    assert found == {"evaluate:overlap": [1.0]}


def test_an_empty_answer_is_wrong_and_no_metric_is_asked(tmp_path: Path) -> None:
    assert custom(tmp_path, "return 1 / len(answer.split())", "", " \n") == [0.0, 0.0]


@pytest.mark.parametrize("text", ["def score(:\n", "import no_such_package\n", "other = 1\n", "raise SystemExit(3)\n"])
def test_a_file_that_cannot_be_loaded_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.py").write_text(text)
    with pytest.raises(UserError, match=r"metric metrics\.py:score cannot be loaded: ") as caught:
        answer_scores([NAME], answers=["3"], items=ITEMS[:1], task_dir=tmp_path)
    assert caught.value.where == f"{tmp_path}/metrics.py"


def test_answers_to_other_items_are_never_scored() -> None:
    answers = [Prediction(example_id=name, text="3", status="ok", tokens_in=1, tokens_out=1) for name in ("b", "a")]
    inputs = {"kind": "generation", "labels": None, "metrics": ["exact_match"]}
    with pytest.raises(AssertionError, match="not those to these items"):
        scored_rows(ITEMS, answers, inputs=inputs, task_dir=None)
    with pytest.raises(AssertionError, match="not those to these items"):
        scored_rows(ITEMS, answers[1:], inputs=inputs, task_dir=None)
    assert len(scored_rows(ITEMS, answers[::-1], inputs=inputs, task_dir=None)) == 2


def test_code_that_changed_since_the_run_began_is_not_run(tmp_path: Path) -> None:
    file, answers = (
        tmp_path / "metrics.py",
        [Prediction(example_id="a", text="3", status="ok", tokens_in=1, tokens_out=1)],
    )
    first = "def score(answer, reference, text):\n    return 0.25\n"
    inputs = {"kind": "generation", "labels": None, "metrics": [NAME], "code": {NAME: digest(first)}}
    file.write_text(first)
    (row,) = scored_rows(ITEMS[:1], answers, inputs=inputs, task_dir=str(tmp_path))
    assert row[NAME] == 0.25
    file.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n{first}")
    with pytest.raises(SourceChanged, match=r"metrics\.py: is not what it was when the run began"):
        scored_rows(ITEMS[:1], answers, inputs=inputs, task_dir=str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_the_text_is_run_and_no_bytecode_of_another_text(tmp_path: Path) -> None:
    file = tmp_path / "metrics.py"
    assert custom(tmp_path, "return 0.25", "3") == [0.25]
    before = file.stat()
    py_compile.compile(str(file))
    file.write_text(file.read_text().replace("0.25", "0.75"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    scores = answer_scores([NAME], answers=["3"], items=ITEMS[:1], task_dir=tmp_path)
    assert scores[NAME] == [0.75]
