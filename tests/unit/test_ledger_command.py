"""`harness ledger` shows every use of test items, and what is missing or broken."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_parts import ITEMS, opened, opening

from harness.cli.main import status
from harness.likeness import fingerprint, write_marks
from harness.prepare import sound_ledger
from harness.steps import Step
from harness.store import Store


def on_disk(root: Path) -> None:
    """A store with one verdict, as a run would leave it."""
    store = Store(root / ".harness" / "store")

    def keep(step: Step, *, items: Iterable[str] = ()) -> str:
        with store.workspace(step.key) as folder:
            if step.stage == "testset":
                write_marks(folder, [[fingerprint(text)] for text in items])
            at = {"at": "2026-01-02T03:04:05Z"}
            return store.commit(step, path=folder, summary={}, seconds=0, provenance=at).key

    testset = keep(Step("testset", {}), items=ITEMS)
    terms = {"alpha": 0.05, "planned_looks": 2}
    lock = keep(Step("lock", terms, {"testset": testset}))
    keep(Step("judge", {**terms, "prior_uses_of_test_set": 1}, {"lock": lock}))


def test_the_command_shows_the_lines(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["ledger"]) == 0
    assert "no test item was used here yet" in capsys.readouterr().err
    ledger = sound_ledger(root)
    ledger.path.parent.mkdir()
    opened(ledger, "a", "b")
    assert status(["ledger"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("first", "lock-a", "lock-b"))
    assert out.rstrip().endswith("The chain of 2 lines is intact.")
    assert status(["ledger", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(row["line"], row["use"], row["items"]) for row in found["lines"]] == [(1, 1, 3), (2, 2, 3)]
    assert found["missing"] == []


def test_the_command_shows_what_is_missing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on_disk(root)
    assert status(["ledger"]) == 0
    out = capsys.readouterr().out
    assert "2026-01-02 03:04" in out
    assert "1 opening went missing from the ledger; the store still shows it, so it counts as a use." in out
    assert "The chain of 0 lines is intact." in out


def test_the_command_fails_on_damage(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = sound_ledger(root)
    ledger.path.parent.mkdir()
    opened(ledger, "a")
    ledger.path.write_text(ledger.path.read_text().replace("first", "[bold]"))
    assert status(["ledger"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "ledger.jsonl:1: line 1 was changed. Fix: restore the file" in captured.err


def test_hostile_names_are_shown_not_obeyed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = sound_ledger(root)
    ledger.path.parent.mkdir()
    ledger.open(replace(opening(ledger, "a"), experiment="[red]x\x1b[2J\ny"))
    assert status(["ledger"]) == 0
    out = capsys.readouterr().out
    assert "[red]x" in out
    assert "\x1b" not in out
