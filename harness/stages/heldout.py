"""Turn rows of further data into those that repeat what is held out: such a row must not be trained on.

A row repeats a held-out text where one of its fields is that text but for case, space and punctuation, where the text
stands in it, or where it holds a third of the text's phrases of five words: an edited copy.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from harness.likeness import normalised, words
from harness.prompts import placeholders
from harness.records import Example, Split
from harness.stages.quoting import QUOTED, quoting
from harness.stages.rows import Row, Rows, identified

WORDS = 5
"""Length of a phrase."""
FEWEST = 6
"""Phrases that a text must have to be known by them."""
ALIKE = 1 / 3
"""Share of a text's phrases that an edited copy keeps."""
FEW = 2
"""A value or an answer that no more items share than this is their own."""
COMMON = 0.01
"""A phrase that more held-out texts share than this, and more than a few, names none of them: an instruction."""


HELD: tuple[Split, ...] = ("test", "validation")
"""Splits that certify or select."""


class Fields(NamedTuple):
    """What one row says."""

    asked: Sequence[str]
    """Texts that are a copy where they equal a held-out one, however short: a question, a document."""
    said: Sequence[str] = ()
    """Texts that are a copy only where a held-out one stands in them, or nearly does: answers."""


def repeated(rows: Sequence[Fields], *, held: Mapping[str, Sequence[str]]) -> dict[int, str]:
    """Place of each row that repeats a held-out text, to the name of what it belongs to; the first name counts."""
    found: dict[int, str] = {}
    for name, texts in held.items():
        for place in _places(rows, texts=texts):
            found.setdefault(place, name)
    return found


def item_texts(
    splits: Mapping[Split, Sequence[Example]], *, rows: Rows, template: str, answers: bool
) -> dict[str, list[str]]:
    """What validation and test hold out, test first: inputs, the values that make them, and, of `answers`, long ones.

    A value or an answer that many items share, such as a passage for a hundred questions, is no item's own.
    """
    by_id = {name: row for pool in identified(rows).values() for name, row in pool}
    columns = placeholders(template)
    own = Counter(value for row in by_id.values() for value in _values(row, columns))
    given = Counter(normalised(item.reference) for items in splits.values() for item in items)
    held: dict[str, list[str]] = {}
    for name in HELD:
        texts: list[str] = []
        for item in splits[name]:
            texts.append(item.input)
            texts += [value for value in _values(by_id[item.id], columns) if own[value] <= FEW]
            if answers and given[normalised(item.reference)] <= FEW:
                texts += _long([item.reference])
        held[name] = list(dict.fromkeys(texts))
    return held


def benchmark_texts(items: Sequence[Mapping[str, object]]) -> list[str]:
    """The texts of a benchmark's items that are long and their own: questions, contexts, endings."""
    each = [set(_long(_strings(item.values()))) for item in items]
    shared = Counter(text for texts in each for text in texts)
    return sorted(text for text, count in shared.items() if count <= FEW)


def _values(row: Row, columns: Iterable[str]) -> list[str]:
    return _long(str(row[column]) for column in columns if row.get(column) is not None)


def _strings(values: Iterable[object]) -> Iterable[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            yield from _strings(value)
        elif isinstance(value, dict):
            yield from _strings(value.values())


def _long(texts: Iterable[str]) -> list[str]:
    """Those in which anything found is no coincidence."""
    return [text for text in texts if len(normalised(text)) >= QUOTED]


def _places(rows: Sequence[Fields], *, texts: Sequence[str]) -> set[int]:
    bare = {normalised(text) for text in texts}
    equal = {place for place, row in enumerate(rows) if any(normalised(text) in bare for text in row.asked)}
    whole = (normalised("\n".join([*row.asked, *row.said])) for row in rows)
    return equal | quoting(bare, passages=whole) | _edited(rows, texts=texts)


def _edited(rows: Sequence[Fields], *, texts: Sequence[str]) -> set[int]:
    """Rows that hold so many of a text's phrases that they are a copy of it with other words in between."""
    phrases = [_phrases(text) for text in texts]
    shared = Counter(phrase for those in phrases for phrase in those)
    rare = [{phrase for phrase in those if shared[phrase] <= max(FEW, COMMON * len(texts))} for those in phrases]
    owners: dict[str, list[int]] = defaultdict(list)
    for number, those in enumerate(rare):
        for phrase in those if len(those) >= FEWEST else ():
            owners[phrase].append(number)
    found = set()
    for place, row in enumerate(rows):
        mine = {phrase for text in (*row.asked, *row.said) for phrase in _phrases(text)}
        hits = Counter(number for phrase in mine for number in owners.get(phrase, ()))
        if any(count >= max(FEWEST, ALIKE * len(rare[number])) for number, count in hits.items()):
            found.add(place)
    return found


def _phrases(text: str) -> set[str]:
    found = words(text)
    return {" ".join(found[start : start + WORDS]) for start in range(len(found) - WORDS + 1)}
