"""Turn test items into the marks by which a ledger knows them again, whatever was done to their file or template.

Strong marks name an item: its text, the values that the template uses, its whole row, and its row but for one
column. Weak marks are phrases of it; only many of them together tell that a test set was used before.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from harness.likeness import WEAK, fingerprint, hashed, normalised, words
from harness.prompts import placeholders
from harness.stages.rows import Row, Rows, identified

WORDS, KEPT = 5, 4
"""Length of a phrase, and how many of a value are kept: those with the smallest hashes, so that a longer or shorter
copy of the text keeps some of the same (the bottom-k sketch of Broder 1997)."""
FEWEST_VALUES, FEWEST_CHARACTERS, MOST_COLUMNS = 3, 12, 40
"""What is left of a row without one column must be this much to name it; wider tables are left alone."""
COMMON = 0.01
"""What more rows of a data set share than this, and more than two, names none of them: an instruction, a label."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


class _Known(NamedTuple):
    """What names one row, in hashes."""

    strong: list[str]
    remainders: list[str]
    """The row but for one column; no name where too many rows share it."""
    phrases: list[str]
    """The same holds for these."""


def marks(items: Sequence[tuple[str, str]], *, rows: Rows, template: str) -> list[list[str]]:
    """Marks of each of `items`, pairs of a row's id and the text the template made of it."""
    columns = placeholders(template)
    known = {name: _known(row, columns=columns) for pool in identified(rows).values() for name, row in pool}
    common = _common(known)
    return [_marks(fingerprint(text), known[name], common=common) for name, text in items]


def _marks(text: str, known: _Known, *, common: set[str]) -> list[str]:
    rare = [mark for mark in (*known.remainders, *known.phrases) if mark not in common]
    return list(dict.fromkeys([text, *known.strong, *rare]))


def _common(known: Mapping[str, _Known]) -> set[str]:
    counts: Counter[str] = Counter()
    for row in known.values():
        counts.update({*row.remainders, *row.phrases})
    return {mark for mark, count in counts.items() if count > max(2, COMMON * len(known))}


def _known(row: Row, *, columns: Sequence[str]) -> _Known:
    spelt = {name: _spelt(value) for name, value in row.items() if value is not None and value != ""}
    bare = {name: normalised(value) for name, value in spelt.items()}
    return _Known(
        strong=[_joined(bare[name] for name in columns if name in bare), _joined(bare.values())],
        remainders=list(_without_one(bare)),
        phrases=[f"{WEAK}{phrase}" for name in columns for phrase in _phrases(spelt.get(name, ""))],
    )


def _without_one(bare: Mapping[str, str]) -> Iterator[str]:
    """The row without each of its columns in turn, where enough is left."""
    if FEWEST_VALUES < len(bare) <= MOST_COLUMNS:
        whole = sum(map(len, bare.values()))
        for name, value in bare.items():
            if whole - len(value) >= FEWEST_CHARACTERS:
                yield _joined(rest for other, rest in bare.items() if other != name)


def _phrases(text: str) -> list[str]:
    found = words(text)
    every = [found[start : start + WORDS] for start in range(len(found) - WORDS + 1)]
    # Dates and other numbers are in common by chance.
    telling = (phrase for phrase in every if sum(not word.isdecimal() for word in phrase) >= WORDS - 1)
    return sorted({hashed(" ".join(phrase)) for phrase in telling})[:KEPT]


def _spelt(value: Any) -> str:
    """3, 3.0 and "3" alike; what is neither text nor number as JSON."""
    if not isinstance(value, str | int | float):
        return json.dumps(value, sort_keys=True, default=str)
    text = str(value).strip()
    return f"{float(text):.12g}" if _NUMBER.fullmatch(text) else text


def _joined(bare: Iterable[str]) -> str:
    """Of values, whatever their columns are called and in whatever order they stand."""
    return hashed("\n".join(sorted(bare)))
