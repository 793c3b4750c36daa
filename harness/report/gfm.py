"""Turn any text into GitHub-flavoured Markdown in which it means nothing but itself."""

import re
from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from harness.report.text import one_line, visible

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"})
_SPECIAL = re.compile(r"[\\`*_{}\[\]|~^]|^[-+#=]|^\d+(?=[.)](?:\s|$))")
_LINKING = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./+-]*")


def inline(text: str) -> str:
    """Any text on one line, where nothing in it means anything to Markdown, HTML or GitHub's autolinks."""
    safe = _SPECIAL.sub(_escaped, one_line(text).translate(_ENTITIES))
    return _LINKING.sub(lambda found: f"&#{ord(found[0])};", safe)


def name(text: str) -> str:
    """A plain name as code; anything stranger as escaped text."""
    return f"`{text}`" if _NAME.fullmatch(text) else inline(text)


def block(text: str) -> str:
    """Any text, line for line, in a fence longer than any that it holds."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{visible(text)}\n{fence}"


def _escaped(found: re.Match[str]) -> str:
    text = found[0]
    return f"&#{ord(text[0])};{text[1:]}" if text[0].isdigit() else f"\\{text}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: int) -> str:
    """A table whose columns from number `right` on are numbers; cells are Markdown already."""
    rule = ["---" if column < right else "---:" for column in range(len(heads))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def aligned_table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: int) -> str:
    """The same table with its columns in line, for people who read it as it is."""
    lines = [list(heads), *map(list, rows)]
    widths = [max(3, *map(cell_len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * (width - 1) + ("-" if column < right else ":") for column, width in enumerate(widths)]
    padded = [
        [
            _padded(cell, width=width, left=column < right)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in (lines[0], rule, *lines[1:])
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def _padded(cell: str, *, width: int, left: bool) -> str:
    gap = " " * (width - cell_len(cell))
    return cell + gap if left else gap + cell
