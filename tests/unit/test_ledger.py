"""Whatever is done to the ledger, used test items do not become fresh again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ledger_parts import ITEMS, opened, opening, prior

from harness.canonical import digest
from harness.errors import StoreError
from harness.ledger import Ledger
from harness.likeness import fingerprint


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl")


# What a line says


def test_a_line_tells_what_was_opened(ledger: Ledger) -> None:
    opened(ledger, "a", "b")
    first, second = (json.loads(line) for line in ledger.path.read_text().splitlines())
    assert (first["line"], first["previous"], second["line"], second["previous"]) == (1, "", 2, first["hash"])
    assert first["items"] == [[fingerprint(text)] for text in ITEMS]
    assert (first["experiment"], first["opening"], first["test"]) == ("first", "lock-a", digest(list(ITEMS)))
    assert (first["alpha"], first["planned_looks"], first["prior_uses"], second["prior_uses"]) == (0.05, 1, 0, 1)
    assert first["hash"] == digest({name: value for name, value in first.items() if name != "hash"})
    assert first["at"].endswith("Z")


def test_the_same_opening_is_one_use(ledger: Ledger) -> None:
    opened(ledger, "a", "a")
    assert len(ledger.lines()) == 1
    assert prior(ledger, "a") == 0


def test_every_other_opening_is_a_further_use(ledger: Ledger) -> None:
    opened(ledger, "a", "b", "a")
    assert [prior(ledger, name) for name in "abc"] == [0, 1, 2]


@pytest.mark.parametrize(
    "items",
    [
        ("one", "two"),
        ("one", "two", "three", "four"),
        ("THREE!", "four", "five"),
        ("three", "two", "one"),
    ],
    ids=["one dropped", "one added", "another seed", "another order"],
)
def test_changed_test_items_stay_used(ledger: Ledger, items: tuple[str, ...]) -> None:
    opened(ledger, "a")
    assert prior(ledger, "b", items=items) == 1


def test_other_test_items_are_fresh(ledger: Ledger) -> None:
    opened(ledger, "a")
    assert prior(ledger, "b", items=("four", "five")) == 0


# Planned looks and level


def test_planned_looks_cannot_be_raised_later(ledger: Ledger) -> None:
    opened(ledger, "a")
    later = opening(ledger, "b", looks=5)
    assert ledger.terms(later).planned_looks == 1
    ledger.open(later)
    assert ledger.terms(opening(ledger, "c", looks=5)).planned_looks == 1
    assert ledger.lines()[1].planned_looks == 1
    assert any("gates.planned_looks is 5, but 1 was declared" in note for note in ledger.notes(later))


def test_planned_looks_hold_for_later_uses_that_do_not_repeat_them(ledger: Ledger) -> None:
    ledger.open(opening(ledger, "a", looks=3))
    assert ledger.terms(opening(ledger, "b")) == (1, 3, 0.05)
    assert ledger.terms(opening(ledger, "c", items=("four",))) == (0, 1, 0.05)


def test_a_later_look_spends_no_more_than_the_first_declared(ledger: Ledger) -> None:
    ledger.open(opening(ledger, "a", looks=2))
    later = opening(ledger, "b", looks=2, alpha=0.5)
    assert ledger.terms(later).alpha == 0.05
    assert ledger.terms(opening(ledger, "c", alpha=0.01)).alpha == 0.01
    assert any("gates.alpha is 0.5, but an earlier use declared 0.05" in note for note in ledger.notes(later))


def test_what_was_settled_stays(ledger: Ledger) -> None:
    """A later use with fewer looks changes nothing for an earlier one."""
    first = opening(ledger, "a", looks=3, alpha=0.1)
    ledger.open(first)
    ledger.open(opening(ledger, "b", alpha=0.01))
    assert ledger.terms(first) == (0, 3, 0.1)
    assert ledger.notes(first) == []


# Damage


def changed(lines: list[str]) -> list[str]:
    return [lines[0], lines[1].replace('"first"', '"other"'), *lines[2:]]


def hashed_again(text: str, **fields: Any) -> str:
    row = {name: value for name, value in {**json.loads(text), **fields}.items() if name != "hash"}
    return json.dumps({**row, "hash": digest(row)})


DAMAGE: dict[str, tuple[Callable[[list[str]], list[str]], int, str]] = {
    "a field": (changed, 2, "line 2 was changed"),
    "the number of looks": (
        lambda lines: [lines[0].replace('"planned_looks": 1', '"planned_looks": 9'), *lines[1:]],
        1,
        "line 1 was changed",
    ),
    "an item": (lambda lines: [lines[0].replace(fingerprint("two"), "0" * 16), *lines[1:]], 1, "line 1 was changed"),
    "the hash": (lambda lines: [lines[0].replace('"hash": "', '"hash": "0'), *lines[1:]], 1, "line 1 was changed"),
    "no number": (lambda lines: [lines[0].replace("0.05", "NaN"), *lines[1:]], 1, "line 1 was changed"),
    "first line gone": (lambda lines: lines[1:], 1, "a line before line 1 is missing"),
    "middle line gone": (lambda lines: [lines[0], lines[2]], 2, "a line before line 2 is missing"),
    "lines swapped": (lambda lines: [lines[0], lines[2], lines[1]], 2, "a line before line 2 is missing"),
    "line doubled": (lambda lines: [*lines, lines[2]], 4, "a line before line 4 is missing, doubled"),
    "changed and hashed again": (
        lambda lines: [lines[0], hashed_again(lines[1], experiment="x"), lines[2]],
        3,
        "a line before line 3 is missing",
    ),
    "numbered and hashed again": (
        lambda lines: [*lines[:2], hashed_again(lines[2], line=9)],
        3,
        "a line before line 3 is missing",
    ),
    "half a line": (lambda lines: [*lines[:2], lines[2][:40]], 3, "line 3 is not a JSON object"),
    "no JSON": (lambda lines: [lines[0], "hello", lines[2]], 2, "line 2 is not a JSON object"),
    "no object": (lambda lines: [lines[0], "[]", lines[2]], 2, "line 2 is not a JSON object"),
    "depth": (lambda lines: ["[" * 100_000, *lines[1:]], 1, "line 1 is not a JSON object"),
    "nothing left": (lambda lines: [], 1, "line 1 is not a JSON object"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_and_named(ledger: Ledger, name: str) -> None:
    damage, number, words = DAMAGE[name]
    opened(ledger, "a", "b", "c")
    assert len(ledger.lines()) == 3
    ledger.path.write_text("".join(f"{line}\n" for line in damage(ledger.path.read_text().splitlines())))
    for ask in (ledger.lines, lambda: prior(ledger, "d"), lambda: opened(ledger, "d")):
        with pytest.raises(StoreError) as caught:
            ask()
        assert words in caught.value.what
        assert caught.value.where == f"{ledger.path}:{number}"
        assert "restore the file from a backup" in caught.value.fix


def test_bytes_that_are_no_text_are_damage(ledger: Ledger) -> None:
    opened(ledger, "a")
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"first", b"fir\xfft"))
    with pytest.raises(StoreError, match="line 1 was changed"):
        ledger.lines()


def test_a_kill_while_a_line_is_written_leaves_the_lines_before(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(ledger, "a")

    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            opened(ledger, "b")
    assert [use.opening for use in ledger.lines()] == ["lock-a"]
    assert [prior(opened(ledger, "b"), name) for name in "ab"] == [0, 1]
