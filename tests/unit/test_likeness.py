"""Items that differ only in case, space or punctuation are alike; anything else makes two of them."""

from pathlib import Path

import pytest
from workspace import make_workspace

from harness.jsonl import read_lines
from harness.likeness import fingerprint, normalised, read_marks, write_marks
from harness.loading import load_experiment
from harness.prepare import data_source
from harness.records import Example
from harness.stages import Job
from harness.stages.data import write_selection, write_testset


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A  b!", "a b"),
        ("Don’t\tpanic…", "dont panic"),
        ("ＡＢＣ　１２", "abc12"),
        ("Straße", "STRASSE"),
        ("e\u0301te\u0301", "ÉTÉ"),
        ("12 - 3 = ?", "12-3="),
        ("“Quoted”, she said.", "quoted she said"),
    ],
)
def test_alike(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("日本", "日木"),
        ("कि", "का"),
        ("👍", "👎"),
        ("a+b", "a=b"),
        ("12-3", "1-23"),
        ("12/3", "12*3"),
        ("1 23", "12 3"),
        ("?!", "..."),
        ("ohne", "öhne"),
    ],
)
def test_not_alike(one: str, other: str) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_letters_of_every_script_stay() -> None:
    assert normalised("Ω, Ж; 漢字 हिन्दी") == "ωж漢字हिन्दी"


def test_a_text_of_punctuation_alone_is_itself() -> None:
    assert normalised("  ?! ") == "?!"
    assert normalised(" 👍 ") == "👍"
    assert normalised(" ") == ""


def test_normal_is_final() -> None:
    for text in ("İstanbul", "ǰ 1,000.50", "ﬁne ½", "A – b"):
        assert normalised(normalised(text)) == normalised(text)


def test_half_a_character_has_a_fingerprint() -> None:
    assert len(fingerprint("\ud800")) == 16


def test_marks_keep_the_items_order(tmp_path: Path) -> None:
    write_marks(tmp_path, [[fingerprint("Second?"), "b"], ["c"]])
    assert read_marks(tmp_path) == ((fingerprint("second"), "b"), ("c",))


def test_a_sealed_test_set_knows_its_items_by_their_texts(tmp_path: Path) -> None:
    resolved = load_experiment(make_workspace(tmp_path))
    inputs = {"data": resolved.task.data.model_dump(mode="json")}
    local = {"path": data_source(resolved).path}
    data, testset = tmp_path / "data", tmp_path / "testset"
    for folder, stage, needs in ((data, write_selection, {}), (testset, write_testset, {"data": data})):
        folder.mkdir()
        stage(Job(inputs, needs, local, folder, progress=lambda done, total: None))
    items = read_lines(testset / "test.jsonl", model=Example)
    assert [marks[0] for marks in read_marks(testset)] == [fingerprint(item.input) for item in items] != []
