"""Turn any text into GitHub-flavoured Markdown in which it means nothing but itself."""

import re
from collections.abc import Iterable, Sequence

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
