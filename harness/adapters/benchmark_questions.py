"""Turn what a benchmark's prompt is made of into the columns that are its question: not its answers, not its labels."""

import re
from pathlib import Path

_WRITTEN = re.compile(r"^doc_to_text:[ \t]*(.*(?:\n(?:[ \t].*)?)*)", re.MULTILINE)
_SHOWN = re.compile(r"\{\{-?\s*(\w+)")


def written_template(file: Path) -> str:
    """`doc_to_text` as an lm-eval task file has it; empty where the file leaves it to another one."""
    found = _WRITTEN.search(file.read_text("utf-8"))
    return found[1].strip() if found else ""


def shown_columns(template: object) -> list[str]:
    """The columns that a template shows, or the one that it names; none where it is code."""
    if not isinstance(template, str):
        return []
    named = template.strip("\"' ")
    return [named] if re.fullmatch(r"\w+", named) else list(dict.fromkeys(_SHOWN.findall(template)))
