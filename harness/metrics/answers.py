"""Turn one generated text into the answer it gives."""

import re
from collections.abc import Sequence


def plain(text: str) -> str:
    """Case, surrounding punctuation, underscores and runs of space ignored."""
    return re.sub(r"\s+", " ", text.replace("_", " ")).strip(" \t\r\n.,;:!?\"'`*()[]").casefold()


def parsed_label(text: str, *, labels: Sequence[str]) -> str | None:
    """The label a text gives: equal to it, or begun by it; None when it names none of them."""
    answer = plain(text)
    exact = [label for label in labels if plain(label) == answer]
    if exact:
        return exact[0]
    begun = [label for label in labels if re.match(re.escape(plain(label)) + r"(?!\w)", answer)]
    return max(begun, key=len, default=None)
