"""Turn rows of data into what names them: an id each, and the marks by which a ledger knows a test item again.

Neither looks at the template that makes a text of a row, so another template changes no split and freshens nothing.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from harness.likeness import fingerprint, normalised
from harness.prompts import placeholders

Row = dict[str, Any]
Rows = dict[str, list[Row]]
"""Rows by the name of the split they came with; `all` where they came with none."""
Named = list[tuple[str, Row]]
"""Rows with their ids."""
TELLING = 12
"""Characters, case, space and punctuation aside, from which on a phrase that no other row has names its row."""


def identified(rows: Rows) -> dict[str, Named]:
    """Every row with an id from its content; equal rows are counted, so that each has its own."""
    seen: Counter[str] = Counter()
    found: dict[str, Named] = {}
    for name, pool in rows.items():
        found[name] = []
        for row in pool:
            content = json.dumps(row, sort_keys=True, default=str)
            found[name].append((_short(f"{content}\0{seen[content]}"), row))
            seen[content] += 1
    return found


def marks(texts: Sequence[tuple[str, str]], *, rows: Rows, template: str) -> list[list[str]]:
    """Fingerprints of each of `texts`, pairs of a row's id and the text the template made of it.

    An item is known again by its text, by its values in the columns of the template, by its whole row, and by any
    phrase that no other row has: a new template, a new column or a new file format leaves one of them as it was.
    """
    named = {name: row for pool in identified(rows).values() for name, row in pool}
    single = _single_values(named.values())
    columns = placeholders(template)
    return [_marks(text, row=named[name], columns=columns, single=single) for name, text in texts]


def _marks(text: str, *, row: Row, columns: Sequence[str], single: set[tuple[str, str]]) -> list[str]:
    telling = [value for column, value in row.items() if (column, value) in single and _tells(value)]
    every = [text, _joined(row[column] for column in columns), _joined(row.values()), *telling]
    return list(dict.fromkeys(map(fingerprint, every)))


def _tells(value: str) -> bool:
    """A phrase; a single word may be a number or a name that another data set gives its rows as well."""
    phrase = len(value.split()) > 1 or not value.isascii()
    return phrase and len(normalised(value)) >= TELLING


def _joined(values: Iterable[Any]) -> str:
    """Values whatever their columns are called and in whatever order they stand."""
    return "\n".join(sorted(str(value) for value in values if value is not None))


def _single_values(rows: Iterable[Row]) -> set[tuple[str, str]]:
    """Column and text, of texts that only one row has in that column."""
    cells = [(column, value) for row in rows for column, value in row.items() if isinstance(value, str)]
    return {cell for cell, count in Counter(cells).items() if count == 1}


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
