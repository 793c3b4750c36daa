"""Turn a benchmark's documents into the sources that they share: a passage with five questions is one source.

Documents are of one source where they share a text of eighty characters, space aside. A text that more than half of
them hold is an instruction and joins nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

LONG = 80
"""Characters from which on a text in two documents is no coincidence: a passage, a story, a conversation."""
COMMON = 0.5
"""A text that a larger share of the documents holds is no source of theirs."""


def texts_in(values: Iterable[object]) -> Iterator[str]:
    """Every text of a document, those in its lists and tables too."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            yield from texts_in(value)
        elif isinstance(value, dict):
            yield from texts_in(value.values())


def shared_sources(documents: Sequence[Mapping[str, Any]], *, ids: Sequence[str]) -> dict[str, str]:
    """Id of each document that shares a source, to the source: the id of its first one; others are left out."""
    holders: dict[str, list[int]] = defaultdict(list)
    for place, document in enumerate(documents):
        squeezed = {"".join(text.split()) for text in texts_in(document.values())}
        for text in (text for text in squeezed if len(text) >= LONG):
            holders[text].append(place)
    most = COMMON * len(documents)
    first = _joined(len(documents), parts=(places for places in holders.values() if 1 < len(places) <= most))
    sizes = Counter(first)
    return {ids[place]: ids[start] for place, start in enumerate(first) if sizes[start] > 1}


def _joined(count: int, *, parts: Iterable[Sequence[int]]) -> list[int]:
    """Of every place the lowest one that it is joined with, by a part that holds both or by others in between."""
    lowest = list(range(count))

    def root(place: int) -> int:
        while lowest[place] != place:
            lowest[place] = lowest[lowest[place]]
            place = lowest[place]
        return place

    for part in parts:
        roots = [root(place) for place in part]
        for each in roots:
            lowest[each] = min(roots)
    return [root(place) for place in range(count)]
