"""What is done to the ledger on purpose, with a chain that is whole again, frees no test item."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeWorld
from ledger_parts import ITEMS, opened, opening, prior
from test_openings import cut, judged_at, run, scored, setup_of

from harness.chain import appended
from harness.errors import StoreError
from harness.ledger import Ledger
from harness.likeness import fingerprint
from harness.plan.certify import opening_in
from harness.witnesses import mirror_uses, report_uses

Line = dict[str, Any]


def written_anew(ledger: Ledger, change: Callable[[list[Line]], list[Line]]) -> None:
    """The ledger with other lines and hashes that fit."""
    lines = [json.loads(line) for line in ledger.path.read_text().splitlines()]
    ledger.path.unlink()
    for line in change(lines):
        appended(ledger.path, {name: line[name] for name in line if name not in ("line", "previous", "hash")})


def reported(ledger: Ledger, *names: str, **changes: Any) -> Ledger:
    """With a report of each opening as a further witness."""
    paths = []
    for name in names:
        folder = ledger.path.parent / "reports" / name
        folder.mkdir(parents=True, exist_ok=True)
        entry = {**ledger.entry(opening(ledger, name)), **changes}
        (folder / "report.json").write_text(json.dumps({"provenance": {"ledger": entry}}))
        paths.append(folder / "report.json")
    return replace(ledger, witnesses=lambda listed: tuple(report_uses(paths)))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return opened(Ledger(tmp_path / "ledger.jsonl"), "a", "b")


def forged(lines: list[Line], **fields: Any) -> list[Line]:
    return [*lines[:-1], {**lines[-1], **fields}]


FORGERIES: dict[str, Callable[[list[Line]], list[Line]]] = {
    "earlier uses": lambda lines: forged(lines, prior_uses=0),
    "looks": lambda lines: forged(lines, planned_looks=9),
    "level": lambda lines: forged(lines, alpha=0.9),
    "items": lambda lines: forged(lines, items=[["0" * 16]]),
    "order": lambda lines: [{**line, "prior_uses": place} for place, line in enumerate(lines[::-1])],
    "removed": lambda lines: lines[:-1],
    "all gone": lambda lines: [],
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_chain_that_was_written_anew_is_not_believed_over_a_report(ledger: Ledger, name: str) -> None:
    ledger = reported(ledger, "a", "b")
    written_anew(ledger, FORGERIES[name])
    mine, later = ledger.terms(opening(ledger, "b")), ledger.terms(opening(ledger, "c", looks=9, alpha=0.9))
    assert (mine.prior_uses >= 1, mine.planned_looks, mine.alpha) == (True, 1, 0.05)
    assert (later.prior_uses >= 2, later.planned_looks, later.alpha) == (True, 1, 0.05)
    words = "went missing from the ledger" if name in ("removed", "all gone") else "lost or written anew: "
    assert any(words in note for note in ledger.notes(opening(ledger, "c")))


def test_a_sound_ledger_and_its_reports_agree(ledger: Ledger) -> None:
    ledger = reported(ledger, "a", "b")
    assert ledger.rewritten() == []
    assert [ledger.terms(opening(ledger, name)).prior_uses for name in "abc"] == [0, 1, 2]
    assert not any("written anew" in note for note in ledger.notes(opening(ledger, "b")))


def test_a_report_that_was_edited_can_only_make_it_stricter(ledger: Ledger) -> None:
    for fields in ({"planned_looks": 5}, {"prior_uses": 0}, {"prior_uses": -3}, {"alpha": 7}, {"prior_uses": True}):
        edited = reported(ledger, "a", "b", **fields)
        assert [edited.terms(opening(edited, name)).prior_uses for name in "abc"] == [0, 1, 2]
    edited = reported(ledger, "b", prior_uses=7)
    assert [edited.terms(opening(edited, name)).prior_uses for name in "abc"] == [0, 7, 8]


def test_looks_that_only_a_report_declares_are_not_there(ledger: Ledger) -> None:
    """Store and ledger are gone, and the report was edited."""
    ledger = reported(ledger, "a", planned_looks=5)
    ledger.path.unlink()
    assert ledger.terms(opening(ledger, "c", looks=5))[:2] == (1, 1)


def test_uses_before_a_report_are_remembered(ledger: Ledger) -> None:
    """The report of the second use replaced that of the first; everything else is gone, time after time."""
    ledger = reported(ledger, "b")
    for count, name in enumerate("cdef", start=2):
        ledger.path.unlink()
        assert prior(ledger, name, looks=9) == count
        ledger = reported(opened(ledger, name), name)


def test_items_of_two_witnesses_are_put_together(ledger: Ledger) -> None:
    ledger = reported(ledger, "b", items=[[fingerprint("other")]])
    assert prior(ledger, "c", items=("other",)) >= 1
    assert prior(ledger, "c", items=(ITEMS[0],)) >= 2


def test_a_verdict_without_its_test_set_still_counts(tmp_path: Path) -> None:
    """The lock keeps the marks of its items."""
    world = FakeWorld(scored)
    first = setup_of(tmp_path, world, "search.seed=1")
    run(first, world)
    cut(first, keep=0)
    world.done = {key: made for key, made in world.done.items() if made.stage != "testset"}
    assert [use.items for use in first.ledger.lost()] == [len(world.questions)]
    assert judged_at(setup_of(tmp_path, world, "search.seed=2"), world) == [1, 1]


def test_of_several_verdicts_on_one_lock_the_strictest_counts(tmp_path: Path) -> None:
    world = FakeWorld(scored)
    first = setup_of(tmp_path, world, "search.seed=1")
    run(first, world)
    judged = next(made for made in world.done.values() if made.stage == "judge")
    for place, uses in enumerate((3, 1)):
        again = replace(judged, key=f"judge-{place}", inputs={**judged.inputs, "prior_uses_of_test_set": uses})
        world.done[again.key] = again
    mine = opening_in(run(first, world))
    assert mine is not None
    assert first.ledger.terms(mine).prior_uses == 3


# The copy beside the reports


def mirrored(folder: Path) -> Ledger:
    """As in a workspace: with a copy that is a witness."""
    copy = folder / "reports" / "ledger.jsonl"
    folder.mkdir(exist_ok=True)
    return Ledger(folder / "ledger.jsonl", lambda listed: tuple(mirror_uses(copy)), copy)


def test_the_copy_remembers_every_use_when_all_else_is_deleted(tmp_path: Path) -> None:
    """Other items in between, under one experiment's name, so that no report speaks of the first."""
    for name, items, before in (("a", ITEMS, 0), ("b", ("four",), 0), ("c", ITEMS, 1), ("d", ("four", "five"), 1)):
        ledger = mirrored(tmp_path)
        ledger.path.unlink(missing_ok=True)
        assert prior(ledger, name, items=items) == before
        ledger.open(opening(ledger, name, items=items))
    assert [use.opening for use in ledger.lines()] == ["lock-a", "lock-b", "lock-c", "lock-d"]
    assert [use.witness for use in ledger.lines()] == ["reports/ledger.jsonl"] * 3 + [""]
    assert [use.prior_uses for use in ledger.lines()] == [0, 0, 1, 1]


def test_looks_that_were_planned_outlive_a_deleted_ledger(tmp_path: Path) -> None:
    ledger = mirrored(tmp_path)
    ledger.open(opening(ledger, "a", looks=3, alpha=0.04))
    ledger.path.unlink()
    assert ledger.terms(opening(ledger, "b", looks=3, alpha=0.04)) == (1, 3, 0.04)


def test_a_copy_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    ledger = opened(mirrored(tmp_path), "a")
    assert ledger.mirror is not None
    ledger.mirror.unlink()
    assert opened(ledger, "a").path.read_bytes() == ledger.mirror.read_bytes()


def test_a_copy_that_was_changed_is_named(tmp_path: Path) -> None:
    ledger = opened(mirrored(tmp_path), "a")
    assert ledger.mirror is not None
    ledger.mirror.write_text(ledger.mirror.read_text().replace("first", "other"))
    with pytest.raises(StoreError, match="line 1 was changed") as caught:
        prior(ledger, "b")
    assert caught.value.where == f"{ledger.mirror}:1"


@pytest.mark.parametrize("items", [[1], [None], [["a"], 5], [{}], []])
def test_a_report_of_nonsense_is_no_traceback(ledger: Ledger, items: list[Any]) -> None:
    nonsense = reported(ledger, "a", items=items, at=3, experiment=None, hash=["x"])
    assert prior(nonsense, "c") == 2
