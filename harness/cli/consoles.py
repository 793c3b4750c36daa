"""Two consoles: results go to stdout, everything else to stderr."""

import json
import sys
from typing import Any

from rich.console import Console

from harness.report.text import one_line, visible

# A name that holds `:a:` is shown as it is written, not as a picture.
out = Console(highlight=False, emoji=False)
err = Console(stderr=True, highlight=False, emoji=False)


def print_json(value: Any) -> None:
    """One JSON document on stdout; pure ASCII where it holds what the output or a terminal cannot take as it is."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if visible(text) != text or not _fits(text):
        text = json.dumps(value, indent=2)
    sys.stdout.write(text + "\n")


def _fits(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def say(text: str) -> None:
    """A line about what goes on."""
    err.print(one_line(text), style="dim", markup=False)


def warn(text: str) -> None:
    """A line that a person should read."""
    err.print(one_line(text), style="bold", markup=False)


def minutes(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    whole = round(seconds / 60)
    return f"{whole} min" if whole < 90 else f"{whole // 60} h {whole % 60:02d} min"
