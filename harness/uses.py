"""Turn openings of test items, and what remembers them, into uses that can be compared."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harness.likeness import WEAK, Marks, marks_of, read_marks, shared_items


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
    witness: str = ""
    """Who told the ledger of an opening that it had lost; empty where it was never lost."""


def counted(items: Any, *, count: int | None = None) -> dict[str, Any]:
    """`items` and `marks` of a use, from the list that a line or a report holds."""
    found = marks_of(items)
    return {"items": count or len(found), "marks": frozenset(mark for marks in found for mark in marks)}


def strictest(use: Use, shown: tuple[Use, ...]) -> Use:
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


def named_alike(one: Use, other: Use) -> bool:
    """Whether they share an item by its name; phrases alone do not tell."""
    return any(not mark.startswith(WEAK) for mark in one.marks & other.marks)


def found_again(use: Use, *, before: int) -> dict[str, Any]:
    """The line of an opening that only witnesses showed, after so many others of its items."""
    held = Terms(max(before, remembered(use)), declared(use), use.alpha)
    fields = {"at": use.at, "experiment": use.experiment, "opening": use.opening, "test": ""}
    return {**fields, "items": [sorted(use.marks)], "count": use.items, **held._asdict(), "witness": use.source}


def remembered(use: Use | None) -> int:
    """Uses before it that something knows of."""
    return 0 if use is None else max(use.prior_uses or 0, use.at_least)


def counting(use: Use, opening: Opening, mine: Use | None) -> int:
    """An earlier use and those before it that shared its items, where this opening has all of these or a line is lost.

    One less where the opening was there before: then it may be among those before the other.
    """
    whole = use.line is None or use.marks <= _marks(opening)
    return max(1, remembered(use) + (mine is None)) if whole else 1


def declared(use: Use) -> int:
    """Looks that a use leaves to others; a report alone is easily edited, so it leaves none."""
    return 1 if use.prior_uses is None else use.planned_looks


def _marks(opening: Opening) -> frozenset[str]:
    return frozenset(mark for item in opening.items for mark in item)


def shared(opening: Opening, use: Use) -> int:
    """How many items of an opening were used."""
    return shared_items(opening.items, use.marks, count=use.items)


def came_before(use: Use, mine: Use | None) -> bool:
    """Whether `use` precedes `mine`; where the place of `mine` is not known, everything else does."""
    if mine is None or mine.prior_uses is None:
        return True
    if use.line is not None and mine.line is not None:
        return use.line < mine.line
    return use.at <= mine.at
