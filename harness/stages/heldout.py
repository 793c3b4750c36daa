"""Turn rows of further data into those that repeat what is held out: such a row must not be trained on.

A row repeats a held-out text where one of its fields is that text but for case, space and punctuation, where the text
stands in it, or where it holds a third of the text's phrases of five words: an edited copy. Short texts stand anywhere
by chance, so only an equal one repeats them.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from harness.adapters.benchmark_sources import texts_in
from harness.likeness import normalised, words
from harness.prompts import placeholders
from harness.records import Example, Split
from harness.stages.columns import values_by_id
from harness.stages.quoting import PIECE, QUOTED, quoted, quoting
from harness.stages.rows import Rows

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
    bare: Sequence[str] = ()
    """Texts that are a copy only where they equal a held-out one: what a template filled `asked` with."""


class Held(NamedTuple):
    """What is held out."""

    texts: Sequence[str]
    """Known wherever they stand."""
    short: Sequence[str] = ()
    """Known by an equal text alone."""


def example_fields(example: Example, *, bare: Sequence[str] = ()) -> Fields:
    """What an example of a task says."""
    return Fields((example.input,), (example.reference,), bare)


def repeated(rows: Sequence[Fields], *, held: Mapping[str, Held]) -> dict[int, str]:
    """Place of each row that repeats a held-out text, to the name of what it belongs to; the first name counts."""
    found: dict[int, str] = {}
    for name, those in held.items():
        for place in _places(rows, held=those):
            found.setdefault(place, name)
    return found


def repeated_texts(rows: Sequence[Fields], *, texts: Sequence[str]) -> set[str]:
    """Those of `texts` that any row repeats."""
    asked = {normalised(text) for row in rows for text in row.asked}
    bare = {text: normalised(text) for text in texts}
    whole = list(_whole(rows))
    stand = quoted(_begun(bare.values(), passages=whole), passages=whole)
    edited = {texts[number] for _, number in _edited(rows, texts=texts)}
    return edited | {text for text, alike in bare.items() if alike in asked or alike in stand}


def item_texts(
    splits: Mapping[Split, Sequence[Example]], *, rows: Rows, template: str, answers: bool
) -> dict[str, Held]:
    """What validation and test hold out, test first: inputs, the values that make them, and, of `answers`, long ones.

    A value or an answer that many items share, such as a passage for a hundred questions, is no item's own.
    """
    values = values_by_id(rows, template=template)
    counts = Counter(value for row in values.values() for value in row)
    alone = len(set(placeholders(template))) == 1
    given = Counter(normalised(item.reference) for items in splits.values() for item in items)
    held: dict[str, Held] = {}
    for name in HELD:
        texts: list[str] = []
        short: list[str] = []
        for item in splits[name]:
            mine = values[item.id]
            texts.append(item.input)
            texts += [value for value in _long(mine) if counts[value] <= FEW]
            short += [value for value in _short(mine) if alone or _telling(value, counts)]
            if answers and given[normalised(item.reference)] <= FEW:
                texts += _long([item.reference])
        held[name] = Held(list(dict.fromkeys(texts)), list(dict.fromkeys(short)))
    return held


def benchmark_texts(items: Sequence[Mapping[str, object]], *, questions: Collection[str] = ()) -> Held:
    """The texts of a benchmark's items that are their own: long ones, and short ones of the columns `questions`."""
    return Held(sorted(set().union(*own_texts(items))), sorted(_short_questions(items, columns=questions)))


def own_texts(items: Sequence[Mapping[str, object]]) -> list[set[str]]:
    """Of each item of a benchmark the long texts that are its own: questions, contexts, endings."""
    each = [set(_long(texts_in(item.values()))) for item in items]
    shared = Counter(text for texts in each for text in texts)
    return [{text for text in texts if shared[text] <= FEW} for texts in each]


def _short_questions(items: Sequence[Mapping[str, object]], *, columns: Collection[str]) -> set[str]:
    values = [value for item in items for column in columns if isinstance(value := item.get(column), str)]
    counts = Counter(values)
    return {value for value in _short(counts) if _telling(value, counts)}


def _telling(value: str, counts: Mapping[str, int]) -> bool:
    """Whether a short value names its item: a category is shared by many, a number is anyone's."""
    return counts[value] <= FEW and any(map(str.isalpha, value))


def _long(texts: Iterable[str]) -> list[str]:
    """Those in which anything found is no coincidence."""
    return [text for text in texts if len(normalised(text)) >= QUOTED]


def _short(texts: Iterable[str]) -> list[str]:
    """The others."""
    return [text for text in texts if text.strip() and len(normalised(text)) < QUOTED]


def _places(rows: Sequence[Fields], *, held: Held) -> set[int]:
    bare = {normalised(text) for text in held.texts}
    alike = bare.union(map(normalised, held.short))
    equal = {place for place, row in enumerate(rows) if any(normalised(text) in alike for text in _alone(row))}
    edited = {place for place, _ in _edited(rows, texts=held.texts)}
    return equal | quoting(bare, passages=_whole(rows)) | edited


def _begun(texts: Collection[str], *, passages: Sequence[str]) -> list[str]:
    """Texts whose beginning stands in a passage: few, and to look for all of them whole takes longer."""
    beginnings = {text[:PIECE] for text in texts}
    pieces = (passage[at : at + PIECE] for passage in passages for at in range(len(passage) - PIECE + 1))
    seen = beginnings.intersection(pieces)
    return [text for text in texts if text[:PIECE] in seen]


def _alone(row: Fields) -> Iterator[str]:
    yield from row.asked
    yield from row.bare


def _whole(rows: Sequence[Fields]) -> Iterator[str]:
    return (normalised("\n".join([*row.asked, *row.said])) for row in rows)


def _edited(rows: Sequence[Fields], *, texts: Sequence[str]) -> set[tuple[int, int]]:
    """Rows, each with a text of whose phrases it holds so many that it is a copy with other words in between."""
    phrases = [_phrases(text) for text in texts]
    shared = Counter(phrase for those in phrases for phrase in those)
    rare = [{phrase for phrase in those if shared[phrase] <= max(FEW, COMMON * len(texts))} for those in phrases]
    owners: dict[str, list[int]] = defaultdict(list)
    for number, those in enumerate(rare):
        for phrase in those if len(those) >= FEWEST else ():
            owners[phrase].append(number)
    found: set[tuple[int, int]] = set()
    for place, row in enumerate(rows):
        mine = {phrase for text in (*row.asked, *row.said) for phrase in _phrases(text)}
        hits = Counter(number for phrase in mine for number in owners.get(phrase, ()))
        found |= {(place, number) for number, count in hits.items() if count >= max(FEWEST, ALIKE * len(rare[number]))}
    return found


def _phrases(text: str) -> set[str]:
    found = words(text)
    return {" ".join(found[start : start + WORDS]) for start in range(len(found) - WORDS + 1)}
