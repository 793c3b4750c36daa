"""Turn every use of test items into a line of a hash-chained file, written before the first test answer is scored.

An opening that is repeated or resumed is one use; another one that shares an item with it is a further one. A cut-off
end leaves the chain whole, so there are witnesses: an opening that only they still show counts like any other.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from harness.chain import Stamp, appended, stamp, verified
from harness.likeness import read_fingerprints


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
    def items(self) -> tuple[str, ...]:
        """Fingerprints of the test items, in their order."""
        return read_fingerprints(Path(self.testset))


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
    items: frozenset[str]
    """Fingerprints."""
    prior_uses: int | None
    """As settled when it was opened; None where unknown."""
    planned_looks: int
    """As it declared, or as held."""
    alpha: float
    """As it declared, or as held."""
    line: int | None
    """Its place in the ledger; None if only a witness shows it."""
    source: str
    """Hash of its line, or the witness."""


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
        """Openings that only a witness still shows; of several witnesses of one, the first."""
        listed = frozenset(use.opening for use in self.lines())
        shown = {use.opening: use for use in reversed(self.witnesses(listed))}
        return sorted((use for use in shown.values() if use.opening not in listed), key=lambda use: use.at)

    def terms(self, opening: Opening) -> Terms:
        """What holds for this opening: as settled when it was opened, or as it would be now."""
        mine, earlier = self._find(opening), self._earlier(opening)
        if mine is not None and mine.line is not None and mine.prior_uses is not None:
            return Terms(mine.prior_uses, mine.planned_looks, mine.alpha)
        known = [*earlier, *([mine] if mine else [])]
        return Terms(
            # A witness can only add: what it remembers of this opening never makes its items fresh again.
            prior_uses=max(len(earlier), (mine and mine.prior_uses) or 0),
            planned_looks=min((use.planned_looks for use in known), default=opening.planned_looks),
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
            "items": list(opening.items),
        }
        appended(self.path, {**fields, **self.terms(opening)._asdict()})

    def entry(self, opening: Opening) -> dict[str, Any]:
        """The opening as a report keeps it, which makes the report a witness; empty before it is opened."""
        mine = self._find(opening)
        if mine is None:
            return {}
        where = {"line": mine.line, "hash": mine.source if mine.line else ""}
        fields = {"opening": mine.opening, "at": mine.at, "experiment": opening.experiment}
        return {**fields, **self.terms(opening)._asdict(), **where, "items": list(opening.items)}

    def notes(self, opening: Opening) -> list[str]:
        """What a reader of the verdict should know about other uses of its items, a sentence each."""
        terms, lost = self.terms(opening), [use for use in self._sharing(opening) if use.line is None]
        notes = [_shared_sentence(use, opening) for use in self._earlier(opening)]
        if terms.planned_looks != opening.planned_looks:
            notes.append(
                f"gates.planned_looks is {opening.planned_looks}, but {terms.planned_looks} was declared when these "
                "test items were first used; that holds."
            )
        if terms.alpha != opening.alpha:
            notes.append(f"gates.alpha is {opening.alpha:g}, but an earlier use declared {terms.alpha:g}; that holds.")
        return [*notes, *([lost_sentence(lost)] if lost else [])]

    def _sharing(self, opening: Opening) -> list[Use]:
        """Every use of any of its items, itself included."""
        items = frozenset(opening.items)
        return [use for use in (*self.lost(), *self.lines()) if not items.isdisjoint(use.items)]

    def _find(self, opening: Opening) -> Use | None:
        return next((use for use in (*self.lost(), *self.lines()) if use.opening == opening.id), None)

    def _earlier(self, opening: Opening) -> list[Use]:
        """Other openings that share an item and came before it."""
        mine = self._find(opening)
        return [use for use in self._sharing(opening) if use.opening != opening.id and _came_before(use, mine)]


def lost_sentence(lost: list[Use]) -> str:
    """That openings are missing from the ledger, and who shows them."""
    shown = " and ".join(dict.fromkeys(use.source for use in lost))
    if len(lost) == 1:
        return f"1 opening is missing from the ledger; {shown} still shows it, so it counts as a use."
    return f"{len(lost)} openings are missing from the ledger; {shown} still show them, so each counts as a use."


def _shared_sentence(use: Use, opening: Opening) -> str:
    shared, who = len(use.items & frozenset(opening.items)), use.experiment or "an experiment"
    when = f" on {use.at[:10]}" if use.at else ""
    return f"{shared} of the {len(opening.items)} test items were used before, by {who}{when} ({use.opening})."


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
        Use(items=frozenset(row["items"]), source=row["hash"], **{name: row[name] for name in names})
        for row in verified(path)
    )
