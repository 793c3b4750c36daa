"""Test items that training or selection has seen are found, left out of the verdict, and shown."""

import json
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.jsonl import read_rows
from harness.records import Example
from harness.stages import Job
from harness.stages.data import leaked_items, write_selection, write_slices, write_testset

COPY = "The  cat sat on the MAT!"


def example(name: str, text: str) -> Example:
    return Example(id=name, split="test", group=name, input=text, reference="x")


def test_copies_are_found_whatever_their_case_space_and_punctuation() -> None:
    seen = {"train": [example("a", "the cat sat on the mat")], "validation": [example("b", "Guten Tag, Welt")]}
    test = [
        example("1", COPY),
        example("2", "guten tag welt."),
        example("3", "the cat sat on a mat"),
        example("4", "?!"),
    ]
    assert leaked_items(test, seen=seen) == [{"id": "1", "twin": "train/a"}, {"id": "2", "twin": "validation/b"}]


def test_items_that_a_person_wrote_into_a_prompt_are_found() -> None:
    prompt = "Shorten.\n\nExample: The cat,\nsat on THE  mat all day.\nShort: Cat sat.\n{input}"
    test = [example("1", "the cat sat on the mat all day"), example("2", "the cat"), example("3", "the dog sat on it")]
    found = leaked_items(test, seen={}, prompts=["Be brief.", prompt])
    assert found == [{"id": "1", "twin": "the prompt “Shorten. Example: The cat, sat on THE ma…”"}]


def test_texts_of_punctuation_alone_are_copies_only_of_themselves() -> None:
    seen = {"train": [example("a", "?!")]}
    assert [pair["id"] for pair in leaked_items([example("1", "?!"), example("2", "...")], seen=seen)] == ["1"]


def job(tmp_path: Path, *, test: list[str], needs: dict[str, Path], out: str, slices: list[str]) -> Job:
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    rows = {"train": ["the cat sat on the mat", *(f"train {i}" for i in range(20))], "test": test}
    for name, texts in rows.items():
        lines = [json.dumps({"q": text, "a": "x", "topic": f"t{i % 2}"}) for i, text in enumerate(texts)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    (tmp_path / out).mkdir()
    inputs = {"data": {"source": "bytes", "input": "{q}", "reference": "a"}, "slices": slices}
    return Job(inputs, needs, {"path": str(folder)}, tmp_path / out, lambda done, total: None)


def sealed(tmp_path: Path, *, test: list[str], slices: list[str]) -> tuple[dict[str, object], list[dict[str, object]]]:
    write_selection(job(tmp_path, test=test, needs={}, out="selection", slices=[]))
    needs = {"data": tmp_path / "selection"}
    summary = write_testset(job(tmp_path, test=test, needs=needs, out="testset", slices=slices))
    return summary, read_rows(tmp_path / "testset" / "leaked.jsonl")


def test_the_test_set_names_its_leaked_items(tmp_path: Path) -> None:
    summary, leaked = sealed(tmp_path, test=[COPY, "fresh one", "fresh two"], slices=["topic"])
    assert summary["leaked_total"] == 1
    assert str(leaked[0]["twin"]).partition("/")[0] in ("train", "validation")


def counted(tmp_path: Path, *, test: list[str], slices: list[str]) -> dict[str, object]:
    return write_slices(job(tmp_path, test=test, needs={}, out="slices", slices=slices))


def test_slices_are_counted_without_the_leaked_items_and_their_copies_as_one_source(tmp_path: Path) -> None:
    found = counted(tmp_path, test=[COPY, "fresh one", "fresh two", "three", "Fresh two!"], slices=["topic"])
    sizes = {"t0": {"items": 2, "sources": 1}, "t1": {"items": 2, "sources": 2}}
    assert found == {"sizes": {"topic": sizes}}


def test_a_test_set_of_nothing_but_copies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="all 1 test items are copies"):
        sealed(tmp_path, test=[COPY], slices=[])


def test_a_slice_column_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gates\.slices: data has no column 'length'"):
        counted(tmp_path, test=["fresh"], slices=["length"])


def test_a_slice_column_of_many_values_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="column 'q' has 40 different values"):
        counted(tmp_path, test=[f"fresh {i}" for i in range(40)], slices=["q"])
