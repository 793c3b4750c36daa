"""Turn a value in the wrong form into the form that is asked for: 0.5 into {seconds: 0.5}, piqa into a list of one."""

import re
from typing import Any

from harness.loading.amounts import amount
from harness.loading.asked import Asked

_LISTED = re.compile(r"[\w./:-]+(\s*,\s*[\w./:-]+)+")
"""`yes, no`: words with commas between them, and no sentence."""


def fitted(value: Any, asked: Asked) -> Any:
    """The value in the form that is asked for; as it is where it has that form, or none is known."""
    if asked.section:
        return value if isinstance(value, dict) else _as_section(value, asked)
    if asked.items is None:
        is_single = isinstance(value, list) and len(value) == 1 and asked.kind in (str, int, float)
        return amount(value[0] if is_single else value, kind=asked.kind, name=asked.name)
    if isinstance(value, dict):
        return _as_entries(value, asked.items) if asked.items.section else list(value)
    words = _LISTED.fullmatch(value) if isinstance(value, str) and asked.items.kind is str else None
    items = value if isinstance(value, list) else re.split(r"\s*,\s*", value) if words else [value]
    return [fitted(item, asked.items) for item in items]


def _as_section(value: Any, asked: Asked) -> dict[str, Any]:
    """The value under the key that matters most, the other keys that have to be written beside it."""
    first, *others = asked.least
    return {first: fitted(value, asked.inside(first)), **{name: asked.inside(name).example for name in others}}


def _as_entries(value: dict[str, Any], asked: Asked) -> list[Any]:
    """`{piqa: 0.03}` is `[{benchmark: piqa, margin: 0.03}]`; an entry without its dash gets its brackets."""
    if value.keys() & set(asked.keys):
        return [value]
    return [_as_entry(name, item, asked) for name, item in value.items()]


def _as_entry(name: str, item: Any, asked: Asked) -> dict[str, Any]:
    if item is None or isinstance(item, dict):
        return {asked.keys[0]: name, **(item or {})}
    return dict(zip(asked.keys, (name, item), strict=False))
