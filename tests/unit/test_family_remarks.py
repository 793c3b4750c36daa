"""What may be meant, and still does nothing, is remarked on once the data are known."""

from pathlib import Path

import pytest
from workspace import make_workspace, swap, write

from harness.loading import load_experiment
from harness.plan.remarks import family_remarks

FILE = "baselines/few_shot.yaml"
HEAD = "family: few_shot\ndescription: Several.\n"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return make_workspace(tmp_path)


def said(spec: Path, text: str, *, train: int = 8, passages: int = 0) -> list[str]:
    write(spec.parents[1], FILE, HEAD + text)
    return family_remarks(load_experiment(spec), labels=[], train=train, passages=passages)


def test_a_search_that_shows_more_shots_than_there_are_is_told_as_a_variant_is(spec: Path) -> None:
    text = "variants: [{name: nine, shots: 9}]\nsearch: {space: {shots: [0, 8, 9]}}\n"
    assert said(spec, text, train=9) == []
    (remark,) = said(spec, text)
    assert remark.endswith("the 8 training examples show all of these: few_shot/nine, the search of few_shot.")


def test_variants_that_only_the_task_makes_one_prompt_are_told(spec: Path) -> None:
    pattern = '{name: written, pattern: "{instruction}\\n\\n{input}"}'
    (remark,) = said(spec, f"variants: [{{name: plain}}, {{name: two, shots: 2}}, {pattern}]\n")
    assert remark == "few_shot/plain and few_shot/written are one prompt for this task; keep one of them."
    swap(spec.parents[1], "tasks/qa/task.yaml", "metrics: [", 'template: "{instruction} {input}"\nmetrics: [')
    assert said(spec, f"variants: [{{name: plain}}, {pattern}]\n") == []


def test_so_are_those_that_few_examples_make_one_prompt(spec: Path) -> None:
    text = "variants: [{name: six, shots: 6}, {name: nine, shots: 9}, {name: ten, shots: 10, order: 1}]\n"
    short, same = said(spec, text, train=6)
    assert "few_shot/nine, few_shot/ten" in short
    assert same.startswith("few_shot/six and few_shot/nine are one prompt")


def test_a_corpus_is_read_by_somebody_and_holds_what_is_asked_for(spec: Path) -> None:
    root = spec.parents[1]
    write(root, "tasks/qa/texts.jsonl", '{"text": "x"}\n')
    swap(root, "tasks/qa/task.yaml", "metrics: [", "corpus: {source: tasks/qa/texts.jsonl}\nmetrics: [")
    (remark,) = said(spec, "variants: [{name: plain}]\n")
    assert remark.startswith(f"{root}/tasks/qa/task.yaml:12:1: no family of this experiment reads the task's corpus")
    text = "variants: [{name: one, passages: 1}, {name: two, passages: 2}, {name: three, passages: 3}]\n"
    assert said(spec, text, passages=3) == []
    (remark,) = said(spec, text, passages=1)
    assert remark.endswith("the corpus's 1 passage show the whole corpus: few_shot/two, few_shot/three.")
