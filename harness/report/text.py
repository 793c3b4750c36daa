"""Turn text from anywhere into text that hides nothing, reorders nothing and never runs on.

Escaping for HTML, Markdown or the terminal is each renderer's own last step.
"""

import re

_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # Control characters but tab and newline; escape codes start with one.
    r"\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # Invisible, or reorder the line.
    r"\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"  # Annotations, non-characters, halves of a pair (not UTF-8).
    r"\U000e0000-\U000e007f]"  # Tags: invisible copies of ASCII.
)


def visible(text: str) -> str:
    """`text` with control, invisible and direction-changing characters spelt out as `⟨U+202E⟩`."""
    return _UNSAFE.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """`visible(text)` on one line, runs of white space as one space."""
    return " ".join(visible(text).split())


def clipped(text: str, *, limit: int) -> str:
    """The first `limit` characters, and how many were left out."""
    left = len(text) - limit
    return text if left <= 0 else f"{text[:limit]}… ({left:,} more characters)"


def shortened(text: str, *, limit: int) -> str:
    """`text` on one line, cut to `limit` characters with a closing ellipsis."""
    line = one_line(text)
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def both_ends(name: str, *, limit: int) -> str:
    """`name` on one line, cut in its middle to `limit` characters: names that begin alike differ in their ends."""
    line = one_line(name)
    kept = limit - 1
    return line if len(line) <= limit else f"{line[: kept - kept // 2]}…{line[-(kept // 2) :]}"
