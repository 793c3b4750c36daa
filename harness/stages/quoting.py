"""Turn texts and a large corpus into which of the texts stand in it, in about the time that reading it takes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

QUOTED = 20
"""Characters, case, space and punctuation aside, from which on a test item in another text is no coincidence."""
STRIDE = 9
"""Pieces of a passage are looked up at every so many places ..."""
PIECE = QUOTED - STRIDE + 1
"""... and are so long that any copy of a text of the shortest length covers one of them whole."""
SEARCHED = 400
"""Characters at the beginning of a text among which its own pieces are chosen."""


class _Hit(NamedTuple):
    """Where a piece stands in a text that is looked for."""

    text: str
    offset: int


def quoted(texts: Iterable[str], *, passages: Iterable[str]) -> dict[str, int]:
    """Text to the place of the first passage that holds it; texts that stand in none, or are short, are left out.

    Texts and passages are compared as they are: whoever wants case or punctuation ignored removes it first.
    """
    pieces = _pieces(sorted({text for text in texts if len(text) >= QUOTED}))
    found: dict[str, int] = {}
    for place, passage in enumerate(passages):
        for start in range(0, len(passage) - PIECE + 1, STRIDE):
            for hit in pieces.get(passage[start : start + PIECE], ()):
                begin = start - hit.offset
                if hit.text not in found and begin >= 0 and passage.startswith(hit.text, begin):
                    found[hit.text] = place
    return found


def quoting(texts: Iterable[str], *, passages: Iterable[str]) -> set[int]:
    """Places of the passages that hold any of the texts; short texts are left out, and all is compared as it is."""
    pieces = _pieces(sorted({text for text in texts if len(text) >= QUOTED}))
    return {place for place, passage in enumerate(passages) if _holds(passage, pieces)}


def _holds(passage: str, pieces: dict[str, list[_Hit]]) -> bool:
    return any(
        start >= hit.offset and passage.startswith(hit.text, start - hit.offset)
        for start in range(0, len(passage) - PIECE + 1, STRIDE)
        for hit in pieces.get(passage[start : start + PIECE], ())
    )


def _pieces(texts: Sequence[str]) -> dict[str, list[_Hit]]:
    """Piece to the texts in which it is looked for: of each text STRIDE neighbours, of which any copy shows one.

    They are taken where the text's pieces are in the fewest other texts, so that a phrase that all texts begin
    with does not have to be compared with each of them.
    """
    shared: Counter[str] = Counter(piece for text in texts for piece in {*_windows(text)})
    found: dict[str, list[_Hit]] = defaultdict(list)
    for text in texts:
        windows = _windows(text)
        sums = [0, *accumulate(shared[piece] for piece in windows)]
        best = min(range(len(windows) - STRIDE + 1), key=lambda at: sums[at + STRIDE] - sums[at])
        for offset in range(best, best + STRIDE):
            found[windows[offset]].append(_Hit(text, offset))
    return found


def _windows(text: str) -> list[str]:
    return [text[start : start + PIECE] for start in range(min(len(text), SEARCHED) - PIECE + 1)]
