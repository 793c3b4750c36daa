"""Turn texts into what they share when only case, space or punctuation differs, and name items by it."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

FINGERPRINTS = "fingerprints.json"
"""File beside a sealed test set: the marks of every item, in the items' order."""
Marks = tuple[str, ...]
"""Hashes that name one item; those that begin with `~` are of phrases and name it only in company."""
WEAK = "~"
PHRASED = 0.1
"""Share of the items, of the smaller of two sets, that must have phrases in common before these count."""
_BETWEEN_DIGITS = re.compile(r"(?<=\d)([\W_]+)(?=\d)")
# Scripts without spaces: a sign counts as a word.
_SIGN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_WORD = re.compile(rf"{_SIGN.pattern}|\w+")


def normalised(text: str) -> str:
    """`text` without case, space and punctuation, in one Unicode spelling; the stripped text if nothing is left.

    Letters, marks, digits and symbols of every script stay. So does what stands between two digits: 12-3, 12/3
    and 1 23 are three things.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    parts = _BETWEEN_DIGITS.split(folded)
    bare = [part.translate(_KEPT) for part in parts[::2]]
    gaps = ["".join(gap.split()) or " " for gap in parts[1::2]]
    return "".join(piece for pair in zip(bare, [*gaps, ""], strict=True) for piece in pair) or text.strip()


def words(text: str) -> list[str]:
    """Its words in their order, case aside; where a script has no spaces, each sign is one."""
    return _WORD.findall(text.casefold())


def terms(text: str) -> list[str]:
    """Words to search by: as `words`, in one Unicode spelling, and signs stand alone beside letters too (`2024年`).

    The words of a ledger's phrases are left as they were: another way to cut them would forget test sets.
    """
    return words(_SIGN.sub(r" \g<0> ", unicodedata.normalize("NFKC", text)))


def fingerprint(text: str) -> str:
    """16 hex digits that texts have in common if they are alike."""
    return hashed(normalised(text))


def hashed(text: str) -> str:
    """16 hex digits of the text as it is."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def shared_items(mine: Sequence[Marks], theirs: frozenset[str], *, count: int) -> int:
    """How many of my items are among `count` others that have the marks `theirs` between them.

    One item with a name in common is one; phrases are in common by chance as well, so they count only together.
    """
    either = sum(not theirs.isdisjoint(item) for item in mine)
    if either >= max(2, PHRASED * min(len(mine), count)):
        return either
    return sum(any(mark in theirs for mark in item if not mark.startswith(WEAK)) for item in mine)


def write_marks(folder: Path, items: Iterable[Sequence[str]]) -> None:
    """fingerprints.json in `folder`: a list of fingerprints an item."""
    (folder / FINGERPRINTS).write_text(json.dumps([list(item) for item in items]), "utf-8")


@cache
def read_marks(folder: Path) -> tuple[Marks, ...]:
    """The marks in a finished artifact's folder, which never changes."""
    return marks_of(json.loads((folder / FINGERPRINTS).read_text("utf-8")))


def marks_of(items: Iterable[Any]) -> tuple[Marks, ...]:
    """Marks as they stand in a file; where an item had a single one, it may stand there bare."""
    return tuple(tuple(map(str, item)) if isinstance(item, list | tuple) else (str(item),) for item in items)


class _Kept(dict[int, int | None]):
    """A table for `str.translate` that keeps letters, marks, numbers and symbols; filled as characters turn up."""

    def __missing__(self, code: int) -> int | None:
        self[code] = code if unicodedata.category(chr(code))[0] in "LMNS" else None
        return self[code]


_KEPT = _Kept()
