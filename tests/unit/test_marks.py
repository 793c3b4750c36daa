"""A test item is known again under another template, with other columns and from another file; others are not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest

from harness.ledger import Ledger
from harness.likeness import read_marks
from harness.specs import DataSpec, SplitSpec
from harness.stages import Job
from harness.stages.data import write_selection, write_testset
from harness.stages.marks import marks
from harness.stages.rows import Row, identified
from harness.stages.splitting import split_examples
from harness.uses import Opening

COUNT = 120
NATIVE = {"train": range(60), "validation": range(60, 80), "test": range(80, COUNT)}
Make = Callable[[int], Row]


def opened(folder: Path, make: Make, *, template: str, name: str, native: bool = True, table: bool = False) -> Opening:
    """Sealed by the real stages from a file of rows."""
    source = folder / name
    source.mkdir()
    for part, numbers in (NATIVE if native else {"data": range(COUNT)}).items():
        rows = [make(number) for number in numbers]
        if table:
            pandas.DataFrame(rows).to_parquet(source / f"{part}.parquet")
        else:
            (source / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    inputs = {"data": {"source": "bytes", "input": template, "reference": "a"}}
    made: dict[str, Path] = {}
    for stage, write in (("data", write_selection), ("testset", write_testset)):
        made[stage] = folder / f"{name}-{stage}"
        made[stage].mkdir()
        write(Job(inputs, {**made}, {"path": str(source)}, made[stage], progress=lambda done, total: None))
    return Opening(f"lock-{name}", name, name, str(made["testset"]), 0.05, 1)


def uses_before(folder: Path, first: tuple[Make, str], second: tuple[Make, str], **fields: bool) -> tuple[int, str]:
    """How often the items of the second were used, after the first, and what is said of it."""
    ledger = Ledger(folder / "ledger.jsonl")
    ledger.open(opened(folder, first[0], template=first[1], name="first", native=fields.get("native", True)))
    again = opened(folder, second[0], template=second[1], name="second", **fields)
    return ledger.terms(again).prior_uses, " ".join(ledger.notes(again))


# The same items


def asked(number: int) -> Row:
    return {"q": f"What is {number} plus one?", "a": str(number + 1), "topic": f"t{number % 3}"}


def tabular(number: int) -> Row:
    return {
        "age": 20 + number % 50,
        "job": f"job {number % 7}",
        "hours": number / 4,
        "city": "Rome",
        "a": "yn"[number % 2],
    }


def long(number: int) -> Row:
    words = " ".join(f"word{number * 31 % 97 + place * number % 89}" for place in range(40))
    return {"q": words, "a": "yes"}


CHANGES: dict[str, tuple[Make, str, Make, str]] = {
    "another template": (asked, "{q}", asked, "Question: {q} (answer with a number)"),
    "another column in the template": (asked, "{q}", asked, "{topic}: {q}"),
    "another column in the file": (asked, "{q}", lambda number: {"id": f"n{number}", **asked(number)}, "{q}"),
    "a renamed column": (asked, "{q}", lambda number: {"t": asked(number)["q"], "a": "1"}, "Say: {t}"),
    "a changed answer": (asked, "{q}", lambda number: {**asked(number), "a": f"It is {number + 1}."}, "{q}"),
    "other case and space": (asked, "{q}", lambda number: {**asked(number), "q": f"WHAT IS  {number} plus one"}, "{q}"),
    "a new column, used": (asked, "{q}", lambda number: {**asked(number), "hint": f"h{number}"}, "{hint}. {q}"),
    "a prefix in the data": (
        long,
        "{q}",
        lambda number: {**long(number), "q": f"Question: {long(number)['q']}"},
        "{q}",
    ),
    "cut in the data": (long, "{q}", lambda number: {**long(number), "q": long(number)["q"][:120]}, "{q}"),
    "a table's new column, used": (
        tabular,
        "{age} {job} {hours}",
        lambda number: {**tabular(number), "old": number % 50 > 20},
        "{age} {job} {hours} {old}",
    ),
    "a table's column dropped": (
        tabular,
        "{age} {job} {hours} {city}",
        lambda number: {name: value for name, value in tabular(number).items() if name != "city"},
        "{age}, {job}, {hours}",
    ),
}


@pytest.mark.parametrize("native", [True, False], ids=["own splits", "one file"])
@pytest.mark.parametrize("name", CHANGES)
def test_items_stay_used(tmp_path: Path, name: str, native: bool) -> None:
    before, template, after, other = CHANGES[name]
    count, note = uses_before(tmp_path, (before, template), (after, other), native=native)
    assert count == 1
    assert "test items were used before, by first" in note


def test_another_file_format_makes_nothing_fresh(tmp_path: Path) -> None:
    """Numbers come back from it as decimals."""
    floats = lambda number: {**tabular(number), "age": float(20 + number % 50)}  # noqa: E731
    first, second = (tabular, "{age} {job}"), (floats, "{job}; {age}")
    assert uses_before(tmp_path, first, second, table=True)[0] == 1


def test_rows_that_are_there_twice_stay_used(tmp_path: Path) -> None:
    doubled = lambda number: {**asked(number // 2 * 2), "v": f"v{number % 2}"}  # noqa: E731
    assert uses_before(tmp_path, (asked, "{q}"), (doubled, "{v} {q}"))[0] == 1


# Other items

FRESH: dict[str, tuple[Make, Make]] = {
    "short values and an instruction in common": (
        lambda number: {"i": "Answer the question with a single number, please.", **asked(number)},
        lambda number: {"i": "Answer the question with a single number, please.", **asked(number + 1000)},
    ),
    "numbered rows": (
        lambda number: {"q": f"one {number}", "id": f"document {number:05}", "a": "x"},
        lambda number: {"q": f"two {number}", "id": f"document {number:05}", "a": "y"},
    ),
    "dates": (
        lambda number: {
            "q": f"one {number}",
            "date": f"{number} January 1901",
            "at": f"2024-01-01 {number}:00",
            "a": "x",
        },
        lambda number: {
            "q": f"two {number}",
            "date": f"{number} January 1901",
            "at": f"2024-01-01 {number}:00",
            "a": "y",
        },
    ),
    "one city, one rare answer and one remark in common": (
        lambda number: {
            "q": f"one {number}",
            "c": "San Francisco" if number == 90 else f"c{number}",
            "a": "Not applicable",
        },
        lambda number: {
            "q": f"two {number}",
            "c": "San Francisco" if number == 95 else f"d{number}",
            "a": "Not applicable",
        },
    ),
    "one phrase in common": (
        lambda number: {
            "q": f"one {number}, as is the custom of the house" if number == 90 else f"one {number}",
            "a": "x",
        },
        lambda number: {
            "q": f"two {number}, as is the custom of the house" if number == 95 else f"two {number}",
            "a": "x",
        },
    ),
}


@pytest.mark.parametrize("name", FRESH)
def test_other_items_are_fresh(tmp_path: Path, name: str) -> None:
    before, after = FRESH[name]
    columns = [column for column in before(0) if column != "a"]
    template = " ".join(f"{{{column}}}" for column in columns)
    assert uses_before(tmp_path, (before, template), (after, template)) == (0, "")


# Rows and their ids


def splits_of(template: str, **fields: Any) -> dict[str, set[str]]:
    spec = DataSpec(source="x", input=template, reference="a", splits=SplitSpec(test=20), **fields)
    found = split_examples({"all": [asked(number) for number in range(COUNT)]}, spec=spec)[0]
    return {name: {one.id for one in examples} for name, examples in found.items()}


def test_the_template_does_not_choose_the_test_set() -> None:
    assert splits_of("{q}") == splits_of("Topic {topic}. {q} Answer:")


def test_equal_rows_have_ids_of_their_own_wherever_they_stand() -> None:
    rows = {"train": [asked(1), asked(1)], "test": [asked(1), asked(2)]}
    names = [name for pool in identified(rows).values() for name, _ in pool]
    assert len(set(names)) == 4
    assert [name for name, _ in identified({"all": [asked(2)]})["all"]] == names[3:]


def test_values_of_every_kind_have_ids_and_marks() -> None:
    kinds: list[Any] = [
        b"\xff",
        float("nan"),
        float("inf"),
        {"text": ["a"]},
        ["a", "b"],
        {1, 2},
        None,
        True,
        10**400,
        "",
    ]
    rows: dict[str, list[Row]] = {"all": [{"q": f"row {place}", "x": kind} for place, kind in enumerate(kinds)]}
    named = identified(rows)["all"]
    found = marks([(name, row["q"]) for name, row in named], rows=rows, template="{q} {x}")
    assert len({name for name, _ in named}) == len({tuple(each) for each in found}) == len(kinds)


def test_sealed_marks_follow_the_items(tmp_path: Path) -> None:
    opening = opened(tmp_path, asked, template="{q}", name="first")
    test = [json.loads(line) for line in Path(opening.testset, "test.jsonl").read_text().splitlines()]
    source = {part: [asked(number) for number in numbers] for part, numbers in NATIVE.items()}
    expected = marks([(item["id"], item["input"]) for item in test], rows=source, template="{q}")
    assert [list(found) for found in read_marks(Path(opening.testset))] == expected
