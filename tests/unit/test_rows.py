"""A test item is known again under another template, with other columns and from another file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.ledger import Ledger, Opening
from harness.likeness import read_marks
from harness.specs import DataSpec, SplitSpec
from harness.stages import Job
from harness.stages.data import write_selection, write_testset
from harness.stages.rows import Row, identified, marks
from harness.stages.splitting import split_examples

COUNT = 120
NATIVE = {"train": range(60), "validation": range(60, 80), "test": range(80, COUNT)}


def row(number: int) -> Row:
    return {"q": f"What is {number} plus one?", "a": str(number + 1), "topic": f"t{number % 3}"}


def opened(folder: Path, rows: list[Row], *, template: str, native: bool, name: str) -> Opening:
    """Sealed by the real stages from a file that holds `rows`."""
    source = folder / name
    source.mkdir()
    parts = NATIVE if native else {"data": range(COUNT)}
    for part, numbers in parts.items():
        (source / f"{part}.jsonl").write_text("".join(json.dumps(rows[number]) + "\n" for number in numbers))
    inputs = {"data": {"source": "bytes", "input": template, "reference": "a"}}
    made = {}
    for stage, write in (("data", write_selection), ("testset", write_testset)):
        made[stage] = folder / f"{name}-{stage}"
        made[stage].mkdir()
        write(Job(inputs, {**made}, {"path": str(source)}, made[stage], progress=lambda done, total: None))
    return Opening(f"lock-{name}", name, name, str(made["testset"]), 0.05, 1)


CHANGES: dict[str, tuple[Callable[[int], Row], str]] = {
    "another template": (row, "Question: {q} (answer with a number)"),
    "another column in the template": (row, "{topic}: {q}"),
    "another column in the file": (lambda number: {"id": f"n{number}", **row(number)}, "{q}"),
    "a renamed column": (lambda number: {"text": row(number)["q"], "a": row(number)["a"]}, "Say: {text}"),
    "a new column, used": (lambda number: {**row(number), "hint": f"h{number}"}, "{hint}. {q}"),
    "a changed answer": (lambda number: {**row(number), "a": f"It is {number + 1}."}, "{q}"),
    "other case and space": (lambda number: {**row(number), "q": f"WHAT IS  {number} plus one"}, "{q}"),
}


@pytest.mark.parametrize("native", [True, False], ids=["own splits", "one file"])
@pytest.mark.parametrize("name", CHANGES)
def test_items_stay_used(tmp_path: Path, name: str, native: bool) -> None:
    change, template = CHANGES[name]
    ledger = Ledger(tmp_path / "ledger.jsonl")
    plain = [row(number) for number in range(COUNT)]
    ledger.open(opened(tmp_path, plain, template="{q}", native=native, name="first"))
    again = opened(tmp_path, [change(number) for number in range(COUNT)], template=template, native=native, name="two")
    assert ledger.terms(again).prior_uses == 1
    if native:
        assert f"{len(NATIVE['test'])} of the {len(NATIVE['test'])} test items were used" in ledger.notes(again)[0]


def test_other_rows_are_fresh(tmp_path: Path) -> None:
    """Even where every row has an instruction in common, and short values of both."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    instruction = {"instruction": "Answer the question with a number, please."}
    for place, name in ((0, "first"), (1000, "second")):
        rows = [{**row(place + number), **instruction} for number in range(COUNT)]
        opening = opened(tmp_path, rows, template="{instruction}\n{q}", native=True, name=name)
        assert ledger.terms(opening).prior_uses == 0
        ledger.open(opening)


def test_one_mark_where_everything_says_the_same() -> None:
    assert [len(found) for found in marks_of({"q": "only this long column"})] == [1]
    assert [len(found) for found in marks_of({"q": "a question that is long", "a": "yes"})] == [2]


def marks_of(one: Row) -> list[list[str]]:
    rows = {"all": [one]}
    name = identified(rows)["all"][0][0]
    return marks([(name, one["q"])], rows=rows, template="{q}")


def splits_of(template: str, *, rows: dict[str, list[Row]], **fields: Any) -> dict[str, set[str]]:
    spec = DataSpec(source="x", input=template, reference="a", splits=SplitSpec(test=20), **fields)
    return {name: {one.id for one in found} for name, found in split_examples(rows, spec=spec)[0].items()}


def test_the_template_does_not_choose_the_test_set() -> None:
    rows = {"all": [row(number) for number in range(COUNT)]}
    assert splits_of("{q}", rows=rows) == splits_of("Topic {topic}. {q} Answer:", rows=rows)


def test_equal_rows_have_ids_of_their_own_wherever_they_stand() -> None:
    rows = {"train": [row(1), row(1)], "test": [row(1), row(2)]}
    names = [name for pool in identified(rows).values() for name, _ in pool]
    assert len(set(names)) == 4
    assert [name for name, _ in identified({"all": [row(2)]})["all"]] == names[3:]


def test_values_that_json_does_not_know_have_ids() -> None:
    rows: dict[str, list[Row]] = {"all": [{"q": b"\xff", "a": float("nan")}, {"q": {1, 2}, "a": None}]}
    assert len({name for name, _ in identified(rows)["all"]}) == 2


def test_sealed_marks_follow_the_items(tmp_path: Path) -> None:
    rows = [row(number) for number in range(COUNT)]
    opening = opened(tmp_path, rows, template="{q}", native=True, name="first")
    test = [json.loads(line) for line in Path(opening.testset, "test.jsonl").read_text().splitlines()]
    source = {"all": [rows[number] for number in NATIVE["test"]]}
    texts = {one["q"]: name for name, one in identified(source)["all"]}
    expected = marks([(texts[item["input"]], item["input"]) for item in test], rows=source, template="{q}")
    assert [list(found) for found in read_marks(Path(opening.testset))] == expected


def test_numbered_rows_of_two_data_sets_are_not_the_same() -> None:
    assert (
        len(
            {
                mark
                for text in ("one", "two")
                for found in marks_of({"q": text, "id": "validation-000012"})
                for mark in found
            }
        )
        == 4
    )
