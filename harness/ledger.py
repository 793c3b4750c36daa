"""Turn every use of test items into a line of a hash-chained file, written before the first test answer is scored.

An opening that is repeated or resumed is one use; another one that shares an item with it is a further one. A cut-off
end and a file written anew leave a chain that is whole, so there are witnesses: an opening that only they show counts
like any other, and where a line and a witness differ the stricter of the two holds.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.chain import Stamp, appended, stamp, verified
from harness.disk import same, write_whole
from harness.uses import (
    Opening,
    Terms,
    Use,
    came_before,
    counted,
    counting,
    declared,
    found_again,
    named_alike,
    remembered,
    shared,
    strictest,
)

Witnesses = Callable[[frozenset[str]], tuple[Use, ...]]
"""Told which openings the ledger lists, the uses that something else shows."""


def no_witnesses(listed: frozenset[str]) -> tuple[Use, ...]:
    """For a ledger that stands alone."""
    return ()


@dataclass(frozen=True)
class Ledger:
    """`.harness/ledger.jsonl`; every method raises `StoreError` if the chain is broken."""

    path: Path
    witnesses: Witnesses = no_witnesses
    mirror: Path | None = None
    """A copy that outlives a deleted `.harness`, and is a witness then."""

    def lines(self) -> tuple[Use, ...]:
        """What the file lists; read again only when it changed."""
        return _lines(self.path, stamp(self.path))

    def lost(self) -> list[Use]:
        """Openings that only witnesses still show; of several witnesses of one, the strictest counts."""
        listed, shown = frozenset(use.opening for use in self.lines()), self._shown()
        first: dict[str, Use] = {}
        for use in shown:
            if use.opening not in listed:
                first.setdefault(use.opening, use)
        return sorted((strictest(use, shown) for use in first.values()), key=lambda use: use.at)

    def rewritten(self) -> list[Use]:
        """Witnesses that saw another line of an opening than the one that is listed."""
        hashes = {use.opening: use.source for use in self.lines() if not use.witness}
        return [use for use in self._shown() if use.saw not in ("", hashes.get(use.opening, use.saw))]

    def uses(self) -> list[Use]:
        """Every opening, the lost ones first."""
        shown = self._shown()
        return [*self.lost(), *(strictest(use, shown) for use in self.lines())]

    def _shown(self) -> tuple[Use, ...]:
        """What the witnesses show, of openings that are listed and of others."""
        return self.witnesses(frozenset(use.opening for use in self.lines()))

    def terms(self, opening: Opening) -> Terms:
        """What holds for this opening: as settled when it was opened, or as it would be now."""
        mine, earlier = self._find(opening), self._earlier(opening)
        if mine is not None and mine.line is not None and mine.prior_uses is not None:
            return Terms(mine.prior_uses, mine.planned_looks, mine.alpha)
        known = [*earlier, *([mine] if mine else [])]
        return Terms(
            # A witness can only add: what it remembers of this opening never makes its items fresh again.
            prior_uses=max(len(earlier), remembered(mine), *(counting(use, opening, mine) for use in earlier)),
            planned_looks=min((declared(use) for use in known), default=opening.planned_looks),
            alpha=min([opening.alpha, *(use.alpha for use in known)]),
        )

    def open(self, opening: Opening) -> None:
        """Write down that its items are used from now on; once. What had been lost is written down with it."""
        mine, terms = self._find(opening), self.terms(opening)
        if mine is None or mine.line is None:
            self._restore(but=opening.id)
            fields = {
                "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "experiment": opening.experiment,
                "opening": opening.id,
                "test": opening.test,
                "items": [list(marks) for marks in opening.items],
            }
            appended(self.path, {**fields, **terms._asdict()})
        if self.mirror is not None and not same(self.path, self.mirror):
            self.mirror.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.mirror, self.path.read_bytes())

    def _restore(self, *, but: str) -> None:
        """Write down again what only witnesses show, in the order of their dates."""
        known = list(self.lines())
        for use in self.lost():
            if use.opening != but:
                before = sum(named_alike(use, other) for other in known)
                appended(self.path, found_again(use, before=before))
                known.append(use)

    def entry(self, opening: Opening) -> dict[str, Any]:
        """The opening as a report keeps it, which makes the report a witness; empty before it is opened."""
        mine = self._find(opening)
        if mine is None:
            return {}
        where = {"line": mine.line, "hash": mine.source if mine.line else ""}
        fields = {"opening": mine.opening, "at": mine.at, "experiment": opening.experiment}
        return {**fields, **self.terms(opening)._asdict(), **where, "items": [list(marks) for marks in opening.items]}

    def notes(self, opening: Opening) -> list[str]:
        """What a reader of the verdict should know about other uses of its items, a sentence each."""
        terms, shared = self.terms(opening), self.sharing(opening)
        notes = [_shared_sentence(use, opening) for use in self._earlier(opening)]
        if terms.planned_looks != opening.planned_looks:
            notes.append(
                f"gates.planned_looks is {opening.planned_looks}, but {terms.planned_looks} was declared when these "
                "test items were first used; that holds."
            )
        if terms.alpha != opening.alpha:
            notes.append(f"gates.alpha is {opening.alpha:g}, but an earlier use declared {terms.alpha:g}; that holds.")
        lost = [use for use in shared if use.line is None or use.witness]
        openings = {use.opening for use in shared}
        other = [use for use in self.rewritten() if use.opening in openings]
        return [*notes, *([lost_sentence(lost)] if lost else []), *([rewritten_sentence(other)] if other else [])]

    def sharing(self, opening: Opening) -> list[Use]:
        """Every use of any of its items, itself included."""
        return [use for use in self.uses() if shared(opening, use)]

    def before(self, opening: Opening) -> list[Use]:
        """Every other opening that came before it, whatever its items."""
        mine = self._find(opening)
        return [use for use in self.uses() if use.opening != opening.id and came_before(use, mine)]

    def _find(self, opening: Opening) -> Use | None:
        return next((use for use in self.uses() if use.opening == opening.id), None)

    def _earlier(self, opening: Opening) -> list[Use]:
        """Other openings that share an item and came before it."""
        mine = self._find(opening)
        return [use for use in self.sharing(opening) if use.opening != opening.id and came_before(use, mine)]


def lost_sentence(lost: list[Use]) -> str:
    """That openings are missing from the ledger, and who shows them."""
    shown = " and ".join(dict.fromkeys(use.witness or use.source for use in lost))
    if len(lost) == 1:
        return f"1 opening went missing from the ledger; {shown} still shows it, so it counts as a use."
    return f"{len(lost)} openings went missing from the ledger; {shown} still show them, so each counts as a use."


def rewritten_sentence(other: list[Use]) -> str:
    """That a line is not the one that was there when a report was written."""
    shown = " and ".join(dict.fromkeys(use.source for use in other))
    saw = "saw another line" if len(other) == 1 else "saw other lines"
    return f"The ledger was lost or written anew: {shown} {saw} of the same opening; the stricter of the two holds."


def _shared_sentence(use: Use, opening: Opening) -> str:
    count, who = shared(opening, use), use.experiment or "an experiment"
    return f"{count} of the {len(opening.items)} test items were used before, by {who} ({use.opening})."


@lru_cache(maxsize=8)
def _lines(path: Path, stamp: Stamp | None) -> tuple[Use, ...]:
    names = ("opening", "at", "experiment", "prior_uses", "planned_looks", "alpha", "line")
    return tuple(
        Use(
            **counted(row["items"], count=row.get("count")),
            source=row["hash"],
            witness=row.get("witness", ""),
            **{name: row[name] for name in names},
        )
        for row in verified(path)
    )
