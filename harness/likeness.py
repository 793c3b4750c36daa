"""Turn texts into what they share when only case, space or punctuation differs, and name items by it."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

FINGERPRINTS = "fingerprints.json"
"""File beside a sealed test set: one fingerprint an item, in the items' order."""
_BETWEEN_DIGITS = re.compile(r"(?<=\d)([\W_]+)(?=\d)")


def normalised(text: str) -> str:
    """`text` without case, space and punctuation, in one Unicode spelling; the stripped text if nothing is left.

    Letters, marks, digits and symbols of every script stay. So does what stands between two digits: 12-3, 12/3
    and 1 23 are three things.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    parts = _BETWEEN_DIGITS.split(folded)
    bare = ["".join(filter(_counts, part)) for part in parts[::2]]
    gaps = ["".join(gap.split()) or " " for gap in parts[1::2]]
    return "".join(piece for pair in zip(bare, [*gaps, ""], strict=True) for piece in pair) or text.strip()


def fingerprint(text: str) -> str:
    """16 hex digits that texts have in common if they are alike."""
    return hashlib.sha256(normalised(text).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def write_fingerprints(folder: Path, texts: Iterable[str]) -> None:
    """fingerprints.json in `folder`: a list, one fingerprint a text."""
    (folder / FINGERPRINTS).write_text(json.dumps([fingerprint(text) for text in texts]), "utf-8")


@cache
def read_fingerprints(folder: Path) -> tuple[str, ...]:
    """The fingerprints in a finished artifact's folder, which never changes."""
    return tuple(json.loads((folder / FINGERPRINTS).read_text("utf-8")))


@cache
def _counts(character: str) -> bool:
    """Letter, mark, number or symbol."""
    return unicodedata.category(character)[0] in "LMNS"
