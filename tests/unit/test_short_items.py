"""A held-out item of two words is known by its equal, whatever a template puts around it, and by nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.adapters.benchmark_questions import shown_columns, written_template
from harness.errors import UserError
from harness.jsonl import read_lines
from harness.records import Example, Lesson
from harness.stages import Job
from harness.stages.columns import SOURCE
from harness.stages.data import leaked_items, write_selection, write_testset
from harness.stages.further import write_lessons
from harness.stages.heldout import Fields, benchmark_texts, item_texts, repeated
from harness.stages.rows import identified

WORDS = [f"{first} {second}" for first in ("lost", "stolen", "new", "broken", "old", "blue") for second in "abcdefghij"]
BARE = {"source": "bytes", "input": "{text}", "reference": "kind", "splits": {"test": 8, "validation": 5}}
FRAMED = {**BARE, "input": "Customer: {text}", "splits": {"test": 4, "validation": 2, "seed": 1}}


def job(root: Path, out: str, inputs: dict[str, Any], *, needs: dict[str, Path] | None = None, **local: Any) -> Job:
    (root / out).mkdir()
    place = {"path": str(root / "rows.jsonl"), **local}
    return Job(inputs, needs or {}, place, root / out, lambda done, total: None)


def mixed(root: Path) -> Job:
    """Reads the examples of a task that frames the rows which this one shows bare."""
    rows = [{"text": text, "kind": ("good", "bad")[place % 2]} for place, text in enumerate(WORDS)]
    (root / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    write_selection(job(root, "framed", {"data": FRAMED}))
    inputs = {"data": BARE, "labels": None, "kind": "label", "further": "mix", "rows": {"template": "Good?\n{input}"}}
    source = {"data": FRAMED, "path": str(root / "rows.jsonl")}
    return job(root, "mixed", inputs, needs={"mixed": root / "framed"}, benchmarks={}, **{SOURCE: source})


def test_another_tasks_template_hides_no_held_out_row(tmp_path: Path) -> None:
    found = write_lessons(mixed(tmp_path))
    write_selection(job(tmp_path, "data", {"data": BARE}))
    write_testset(job(tmp_path, "testset", {"data": BARE}, needs={"data": tmp_path / "data"}))
    files = [tmp_path / "data" / "validation.jsonl", tmp_path / "testset" / "test.jsonl"]
    held = {example.input for file in files for example in read_lines(file, model=Example)}
    framed = [row.input for row in read_lines(tmp_path / "framed" / "train.jsonl", model=Example)]
    fresh = [text for text in framed if text.removeprefix("Customer: ") not in held]
    lessons = read_lines(tmp_path / "mixed" / "lessons.jsonl", model=Lesson)
    assert [row.prompt for row in lessons] == [f"Good?\n{text}" for text in fresh]
    assert sum(found["repeats"].values()) == len(framed) - len(fresh) > 5


def test_rows_that_changed_while_the_run_went_on_are_told(tmp_path: Path) -> None:
    step = mixed(tmp_path)
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"text": "{text}", "kind": "x"}}\n' for text in WORDS))
    with pytest.raises(UserError, match="changed while the run went on"):
        write_lessons(step)


def test_the_seal_knows_a_short_row_by_what_it_asks_and_by_its_id() -> None:
    test = [Example(id=name, split="test", group=name, input=f"lost {name}", reference="x") for name in "abc"]
    learnt = [
        Lesson(id="1", prompt="Lost  A!", answer="x"),
        Lesson(id="b", prompt="Good?\nCustomer: lost b", answer="x"),
        Lesson(id="2", prompt="I have lost c somewhere", answer="lost c"),
    ]
    assert leaked_items(test, seen={}, learnt=learnt) == [
        {"id": "a", "twin": "the row “Lost A! x…”"},
        {"id": "b", "twin": "the row “Good? Customer: lost b x…”"},
    ]
    assert [
        pair["id"] for pair in leaked_items(test, seen={}, learnt=[Lesson(id="3", prompt="", answer="lost c")])
    ] == ["c"]


def held_short(template: str, rows: list[dict[str, Any]]) -> list[str]:
    """Short texts of the first row, which is the test set."""
    names: list[Any] = ["test", "validation", *["train"] * (len(rows) - 2)]
    splits: dict[Any, list[Example]] = {"train": [], "validation": [], "test": []}
    for (name, _), where in zip(identified({"all": rows})["all"], names, strict=True):
        splits[where].append(Example(id=name, split=where, group=name, input="some input", reference="x"))
    return list(item_texts(splits, rows={"all": rows}, template=template, answers=False)["test"].short)


def test_of_several_columns_a_category_a_number_and_a_blank_are_no_names_of_an_item() -> None:
    rows = [{"topic": "cards", "n": place, "text": f"lost {place}", "note": " "} for place in range(5)]
    assert held_short("{topic} {n}: {text} {note}", rows) == ["lost 0"]
    assert held_short("Say: {n}!", rows) == ["0"], "all that makes the input"
    assert held_short("{text}", [{**row, "text": "lost"} for row in rows]) == ["lost"]


def test_a_column_repeats_a_short_item_and_an_answer_does_not() -> None:
    held = {"test": benchmark_texts([{"q": "Lost card"}], questions=["q"])}
    rows = [
        Fields(("Customer: lost card",), ("x",), ("lost card",)),
        Fields(("Customer: hm",), ("lost card",), ("hm",)),
    ]
    assert repeated(rows, held=held) == {0: "test"}


def test_of_a_benchmark_short_questions_are_held_out_and_choices_are_not() -> None:
    items = [{"goal": f"polish {name}", "sol1": "yes", "sol2": f"no {name}", "label": "A"} for name in "abcd"]
    assert benchmark_texts(items, questions=["goal", "sol1", "label", "absent"]).short == [
        f"polish {c}" for c in "abcd"
    ]
    assert benchmark_texts(items).short == []


def test_the_question_is_what_the_prompt_shows(tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text('task: x\ndoc_to_text: "Q: {{question}}\\n{{ hint }} {{question}}"\ndoc_to_choice: "{{options}}"\n')
    assert shown_columns(written_template(file)) == ["question", "hint"]
    file.write_text("task: x\ndoc_to_text: |\n  {{ctx}}\n\n  {{-ending}}\nother: {{no}}\n")
    assert shown_columns(written_template(file)) == ["ctx", "ending"]
    file.write_text("include: other.yaml\n")
    assert shown_columns(written_template(file)) == []
    assert shown_columns("query") == ["query"]
    assert shown_columns("!function utils.text") == shown_columns(print) == []
