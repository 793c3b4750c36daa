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
from typing import Any, NamedTuple

from harness.chain import Stamp, appended, stamp, verified
from harness.likeness import Marks, marks_of, read_marks


@dataclass(frozen=True)
class Opening:
    """Test items about to be used; every step that looks at test scores has its fields in `local["opening"]`."""

    id: str
    """Key of the lock: other champions, gates or items make another opening."""
    experiment: str
    """For people."""
    test: str
    """SHA-256 of the file of test items."""
    testset: str
    """Folder of the sealed test set."""
    alpha: float
    """As the spec asks."""
    planned_looks: int
    """As the spec asks."""

    @property
    def items(self) -> tuple[Marks, ...]:
        """Marks of the test items, in their order."""
        return read_marks(Path(self.testset))


class Terms(NamedTuple):
    """What a verdict has to go by; settled when its test items are opened, and the same ever after."""

    prior_uses: int
    """Other openings before it that share an item."""
    planned_looks: int
    """As declared when any of the items was first used: a later spec cannot raise it."""
    alpha: float
    """No more than any of those declared: a later look cannot spend what the first one did not plan."""


class Use(NamedTuple):
    """One opening that happened."""

    opening: str
    """Key of its lock."""
    at: str
    """UTC, ISO 8601; empty where unknown."""
    experiment: str
    """Empty where unknown."""
    items: int
    """How many."""
    marks: frozenset[str]
    """Of all its items."""
    prior_uses: int | None
    """As settled when it was opened; None where that is not known for sure, as a report is easily edited."""
    planned_looks: int
    """As it declared, or as held."""
    alpha: float
    """As it declared, or as held."""
    line: int | None
    """Its place in the ledger; None if only a witness shows it."""
    source: str
    """Hash of its line, or the witness."""
    at_least: int = 0
    """Uses before it that a report speaks of: more may have been, fewer not."""
    saw: str = ""
    """Hash of the line that a witness saw; empty where it saw none."""


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

    def lines(self) -> tuple[Use, ...]:
        """What the file lists; read again only when it changed."""
        return _lines(self.path, stamp(self.path))

    def lost(self) -> list[Use]:
        """Openings that only witnesses still show; of several witnesses of one, the strictest counts."""
        listed = frozenset(use.opening for use in self.lines())
        shown = self.witnesses(listed)
        first = {use.opening: use for use in reversed(shown) if use.opening not in listed}
        return sorted((_strictest(use, shown) for use in first.values()), key=lambda use: use.at)

    def rewritten(self) -> list[Use]:
        """Witnesses that saw another line of an opening than the one that is listed."""
        hashes = {use.opening: use.source for use in self.lines()}
        return [
            use for use in self.witnesses(frozenset(hashes)) if use.saw not in ("", hashes.get(use.opening, use.saw))
        ]

    def uses(self) -> list[Use]:
        """Every opening, the lost ones first."""
        lines = self.lines()
        shown = self.witnesses(frozenset(use.opening for use in lines))
        return [*self.lost(), *(_strictest(use, shown) for use in lines)]

    def terms(self, opening: Opening) -> Terms:
        """What holds for this opening: as settled when it was opened, or as it would be now."""
        mine, earlier = self._find(opening), self._earlier(opening)
        if mine is not None and mine.line is not None and mine.prior_uses is not None:
            return Terms(mine.prior_uses, mine.planned_looks, mine.alpha)
        known = [*earlier, *([mine] if mine else [])]
        return Terms(
            # A witness can only add: what it remembers of this opening never makes its items fresh again.
            prior_uses=max(len(earlier), _remembered(mine), *(_counting(use, opening, mine) for use in earlier)),
            planned_looks=min((_declared(use) for use in known), default=opening.planned_looks),
            alpha=min([opening.alpha, *(use.alpha for use in known)]),
        )

    def open(self, opening: Opening) -> None:
        """Write down that its items are used from now on; once."""
        mine = self._find(opening)
        if mine is not None and mine.line is not None:
            return
        fields = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "experiment": opening.experiment,
            "opening": opening.id,
            "test": opening.test,
            "items": [list(marks) for marks in opening.items],
        }
        appended(self.path, {**fields, **self.terms(opening)._asdict()})

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
        lost = [use for use in shared if use.line is None]
        openings = {use.opening for use in shared}
        other = [use for use in self.rewritten() if use.opening in openings]
        return [*notes, *([lost_sentence(lost)] if lost else []), *([rewritten_sentence(other)] if other else [])]

    def sharing(self, opening: Opening) -> list[Use]:
        """Every use of any of its items, itself included."""
        marks = _marks(opening)
        return [use for use in self.uses() if not marks.isdisjoint(use.marks)]

    def _find(self, opening: Opening) -> Use | None:
        return next((use for use in self.uses() if use.opening == opening.id), None)

    def _earlier(self, opening: Opening) -> list[Use]:
        """Other openings that share an item and came before it."""
        mine = self._find(opening)
        return [use for use in self.sharing(opening) if use.opening != opening.id and _came_before(use, mine)]


def _strictest(use: Use, shown: tuple[Use, ...]) -> Use:
    """A use with what its witnesses add: items, earlier uses, fewer looks, a smaller level."""
    same = [other for other in shown if other.opening == use.opening]
    if not same:
        return use
    prior = [each.prior_uses for each in (use, *same) if each.prior_uses is not None]
    at_least = max(each.at_least for each in (use, *same))
    return use._replace(
        items=max(each.items for each in (use, *same)),
        marks=use.marks.union(*(each.marks for each in same)),
        prior_uses=max(*prior, at_least) if prior else None,
        planned_looks=min(each.planned_looks for each in (use, *same)),
        alpha=min(each.alpha for each in (use, *same)),
        at_least=at_least,
    )


def _remembered(use: Use | None) -> int:
    """Uses before it that something knows of."""
    return 0 if use is None else max(use.prior_uses or 0, use.at_least)


def _counting(use: Use, opening: Opening, mine: Use | None) -> int:
    """An earlier use and those before it that shared its items, where this opening has all of these or a line is lost.

    One less where the opening was there before: then it may be among those before the other.
    """
    whole = use.line is None or use.marks <= _marks(opening)
    return max(1, _remembered(use) + (mine is None)) if whole else 1


def _declared(use: Use) -> int:
    """Looks that a use leaves to others; a report alone is easily edited, so it leaves none."""
    return 1 if use.prior_uses is None else use.planned_looks


def _marks(opening: Opening) -> frozenset[str]:
    return frozenset(mark for item in opening.items for mark in item)


def lost_sentence(lost: list[Use]) -> str:
    """That openings are missing from the ledger, and who shows them."""
    shown = " and ".join(dict.fromkeys(use.source for use in lost))
    if len(lost) == 1:
        return f"1 opening is missing from the ledger; {shown} still shows it, so it counts as a use."
    return f"{len(lost)} openings are missing from the ledger; {shown} still show them, so each counts as a use."


def rewritten_sentence(other: list[Use]) -> str:
    """That a line is not the one that was there when a report was written."""
    shown = " and ".join(dict.fromkeys(use.source for use in other))
    saw = "saw another line" if len(other) == 1 else "saw other lines"
    return f"The ledger was lost or written anew: {shown} {saw} of the same opening; the stricter of the two holds."


def _shared_sentence(use: Use, opening: Opening) -> str:
    shared, who = sum(not use.marks.isdisjoint(marks) for marks in opening.items), use.experiment or "an experiment"
    return f"{shared} of the {len(opening.items)} test items were used before, by {who} ({use.opening})."


def _came_before(use: Use, mine: Use | None) -> bool:
    """Whether `use` precedes `mine`; where the place of `mine` is not known, everything else does."""
    if mine is None or mine.prior_uses is None:
        return True
    if use.line is not None and mine.line is not None:
        return use.line < mine.line
    return use.at <= mine.at


@lru_cache(maxsize=8)
def _lines(path: Path, stamp: Stamp | None) -> tuple[Use, ...]:
    names = ("opening", "at", "experiment", "prior_uses", "planned_looks", "alpha", "line")
    return tuple(
        Use(**counted(row["items"]), source=row["hash"], **{name: row[name] for name in names})
        for row in verified(path)
    )


def counted(items: Any) -> dict[str, Any]:
    """`items` and `marks` of a use, from the list that a line or a report holds."""
    found = marks_of(items)
    return {"items": len(found), "marks": frozenset(mark for marks in found for mark in marks)}
