"""Turn values and key paths into the words of a one-line message."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

KeyPath = tuple[str | int, ...]

LONGEST = 60
MOST_NAMES = 12
_PLAIN = re.compile(r"[A-Za-z_./][\w./+:-]*")
_NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off", ".inf", ".nan"}


def dotted(path: KeyPath) -> str:
    """`search.trials`; a key that holds dots or blanks is quoted as `--set` reads it."""
    words = [clipped(str(part)) for part in path]
    return ".".join(word if re.fullmatch(r"[\w-]+", word) else f'"{word}"' for word in words)


def clipped(text: str) -> str:
    """On one line, and short."""
    line = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def shown(value: Any, *, typed: str | None = None) -> str:
    """A value as a person would recognise it; `typed` is what stands in the file."""
    if value is None:
        return "empty"
    if isinstance(value, str):
        return f"'{clipped(value)}'"
    if typed is not None:
        return clipped(typed)
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence):
        return "a list" if value else "an empty list"
    return clipped(flow(value))


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.casefold() not in _NOT_TEXT
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{flow(key)}: {flow(item)}' for key, item in value.items())}}}"
    return json.dumps(value)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, whatever its case; of a path, the part that is one."""
    by_fold = {other.casefold(): other for other in known}
    parts = [stem for part in re.split(r"[/\\]", name.casefold()) for stem in (part, part.rpartition(".")[0])]
    if len(parts) > 2 and (part := next((part for part in reversed(parts) if part in by_fold), None)):
        return by_fold[part]
    close = get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str], *, kind: str) -> str:
    """The probable name, or all of them: `did you mean trials?`, `known keys: method, trials`."""
    names = list(known)
    if guess := nearest(name, names):
        return f"did you mean {guess}?"
    return f"known {kind}: {listed(names)}" if names else f"there are no {kind} yet"


def listed(names: Sequence[str]) -> str:
    """`a, b, c`, cut when there are many."""
    rest = f", and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(map(clipped, names[:MOST_NAMES])) + rest
