"""Splits share no source, keep their sizes, and lose nothing in silence."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.adapters.tables import source_files, source_rows
from harness.errors import UserError
from harness.records import Example
from harness.specs import DataSpec, SplitSpec
from harness.stages.audit import audited
from harness.stages.data import exact_duplicates
from harness.stages.splitting import split_examples


def spec(**splits: int) -> DataSpec:
    return DataSpec(source="x.jsonl", input="{q}", reference="a", splits=SplitSpec(**splits))


def rows(count: int, *, copies: int = 1) -> list[dict[str, object]]:
    return [{"q": f"question {i // copies}", "a": f"answer {i}"} for i in range(count)]


@settings(max_examples=40, deadline=None)
@given(count=st.integers(30, 120), copies=st.integers(1, 4), seed=st.integers(0, 5))
def test_no_source_spans_two_splits(count: int, copies: int, seed: int) -> None:
    splits, _ = split_examples({"all": rows(count, copies=copies)}, spec=spec(seed=seed))
    groups = [{example.group for example in examples} for examples in splits.values()]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert exact_duplicates({str(name): examples for name, examples in splits.items()}) == []


def test_the_order_of_the_rows_does_not_choose_the_test_set() -> None:
    def inputs(data: list[dict[str, object]]) -> set[str]:
        return {example.input for example in split_examples({"all": data}, spec=spec(test=10))[0]["test"]}

    assert inputs(rows(60)) == inputs(rows(60)[::-1])


def test_sizes_are_as_asked() -> None:
    splits, _ = split_examples({"all": rows(100)}, spec=spec(train=50, validation=20, test=30))
    assert {name: len(examples) for name, examples in splits.items()} == {"train": 50, "validation": 20, "test": 30}


def test_one_example_per_group_makes_items_independent() -> None:
    splits, _ = split_examples({"all": rows(90, copies=3)}, spec=spec(per_group=1))
    assert sum(map(len, splits.values())) == 30
    assert all(len({e.group for e in examples}) == len(examples) for examples in splits.values())


def test_native_splits_are_kept_and_validation_carved_from_train() -> None:
    splits, _ = split_examples({"train": rows(40), "test": [{"q": "t", "a": "u"}]}, spec=spec())
    assert (len(splits["train"]), len(splits["validation"]), len(splits["test"])) == (34, 6, 1)
    assert splits["test"][0].input == "t"


def test_a_copy_across_native_splits_is_found() -> None:
    train = rows(40)
    splits, _ = split_examples({"train": train, "validation": [{"q": "v", "a": "w"}], "test": train[:2]}, spec=spec())
    pairs = exact_duplicates({str(name): examples for name, examples in splits.items()})
    assert len(pairs) == 2
    assert all(pair["first"].startswith("train/") and pair["second"].startswith("test/") for pair in pairs)


def test_rows_without_an_answer_are_counted() -> None:
    data = [*rows(30), {"q": "lonely", "a": None}, {"q": "  ", "a": "x"}]
    assert split_examples({"all": data}, spec=spec())[1] == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"all": [{"q": "x", "b": "y"}] * 9}, "no column 'a'; it has 'q', 'b'"),
        ({"all": rows(5)}, "asks for 50 examples; there are 5"),
        ({"train": rows(5)}, "needs train and test"),
    ],
)
def test_mistakes_are_named(data: dict[str, list[dict[str, object]]], words: str) -> None:
    with pytest.raises(UserError, match=words):
        split_examples(data, spec=spec(test=50) if len(data.get("all", [])) == 5 else spec())


def test_csv_answers_are_text(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text('q,a\n"one, two",NA\nthree,007\n')
    found = source_rows(DataSpec(source="data.csv"), path=str(tmp_path / "data.csv"))
    assert found == {"all": [{"q": "one, two", "a": "NA"}, {"q": "three", "a": "007"}]}


def test_parquet_and_jsonl_agree(tmp_path: Path) -> None:
    from datasets import Dataset

    data = [{"q": f"q{i}", "a": f"ä{i}"} for i in range(3)]
    Dataset.from_list(data).to_parquet(str(tmp_path / "d.parquet"))
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))
    read = [source_rows(DataSpec(source="x"), path=str(tmp_path / name))["all"] for name in ("d.parquet", "d.jsonl")]
    assert read == [data, data]


def test_a_folder_is_read_by_the_names_of_its_files(tmp_path: Path) -> None:
    for name in ("train.csv", "dev.csv", "test-00000.csv", "notes.txt"):
        (tmp_path / name).write_text("q,a\nx,y\n")
    assert set(source_files(tmp_path)) == {"train", "validation", "test"}


def test_broken_json_is_a_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text('{"q": 1}\n{"q": \n')
    with pytest.raises(UserError, match=r"d\.jsonl: data cannot be read"):
        source_rows(DataSpec(source="x"), path=str(tmp_path / "d.jsonl"))


def test_the_audit_says_what_matters(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text("".join(json.dumps({"q": f"q{i // 2}", "a": "yes"}) + "\n" for i in range(60)))
    found = audited(DataSpec(source="x", input="{q}", reference="a"), path=str(path))
    assert found.groups < found.sizes["test"]
    assert any("sources" in line for line in found.remarks)
    assert any("100% of the training answers are “yes”" in line for line in found.remarks)


def test_examples_have_ids_of_their_own() -> None:
    splits, _ = split_examples({"all": [{"q": "same", "a": "same"}] * 30 + rows(60)}, spec=spec())
    every: list[Example] = [example for examples in splits.values() for example in examples]
    assert len({example.id for example in every}) == len(every)


def test_near_copies_come_from_one_source() -> None:
    spellings = ("Who was {}?", "who was {}", "WHO WAS {} ?", "Who  was {}…", "“Who was {}?”")
    data = [{"q": text.format(f"person {i}x"), "a": "someone"} for i in range(40) for text in spellings]
    splits, _ = split_examples({"all": data}, spec=spec(test=50))
    assert len({example.group for example in splits["test"]}) == 10
    assert not {e.group for e in splits["test"]} & {e.group for e in (*splits["train"], *splits["validation"])}


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_a_row_of_unknown_source_is_named(nothing: str | None) -> None:
    data = [{**row, "doc": "d" if i else nothing} for i, row in enumerate(rows(30))]
    with pytest.raises(UserError, match=r"data\.group: a row has no 'doc': 'question 0'\. Fix: say where every row"):
        split_examples({"all": data}, spec=DataSpec(source="x", input="{q}", reference="a", group="doc"))


def test_large_sources_are_not_drawn_first() -> None:
    """The test split holds small and large sources in their proportion, whatever the seed."""
    data = [{"q": f"large {i // 9}x", "a": str(i)} for i in range(90)] + [
        {"q": f"small {i}x", "a": "b"} for i in range(90)
    ]
    shares = []
    for seed in range(60):
        test = split_examples({"all": data}, spec=spec(test=60, seed=seed))[0]["test"]
        shares.append(sum(example.input.startswith("large") for example in test) / len(test))
    assert 0.42 < sum(shares) / len(shares) < 0.58
