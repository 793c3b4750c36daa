"""Read rendered reports the way a browser or a terminal would."""

import io
import re
from html.parser import HTMLParser

from rich.console import Console

from harness.report.document import Report
from harness.report.terminal import render_terminal

VOID = {"meta", "path", "line", "circle", "rect", "wbr"}


class Page(HTMLParser):
    """The elements, attributes, visible text and `pre` blocks of a page; fails on unbalanced tags."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.comments: list[str] = []
        self.blocks: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "pre":
            self.blocks.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)
        if "pre" in self.open:
            self.blocks[-1] += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def beside_blocks(markdown: str) -> str:
    """Markdown without its fenced blocks, which hold text as it is."""
    return re.sub(r"^(`{3,})\n.*?^\1$", "", markdown, flags=re.DOTALL | re.MULTILINE)


def terminal(report: Report, *, width: int = 80, colour: bool = False) -> str:
    screen = io.StringIO()
    system = "truecolor" if colour else None
    render_terminal(report, console=Console(file=screen, width=width, force_terminal=colour, color_system=system))
    return screen.getvalue()
