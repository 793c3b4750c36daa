"""Turn the section where a misplaced key belongs into what a person writes there."""

import shlex
from typing import Any, NamedTuple

from harness.loading.asked import Asked
from harness.loading.fitting import fitted
from harness.loading.levels import Home, homes_of
from harness.loading.places import Places
from harness.loading.positions import Document
from harness.loading.words import LONGEST, KeyPath, clipped, dotted, flow
from harness.specs import BaselineSpec, ExperimentSpec, TaskSpec
from harness.specs.base import Spec

_FILES: dict[type[Spec], str] = {
    ExperimentSpec: "experiments/NAME.yaml",
    TaskSpec: "tasks/NAME/task.yaml",
    BaselineSpec: "baselines/NAME.yaml",
}
_SECRET = ("api", "key_env", "storage")
"""Their values may hold a key or a password by mistake; messages end up in logs."""
MOST = 100
"""Characters of a section that is written on one line."""


class Move(NamedTuple):
    """What to say of a misplaced key."""

    belongs: str
    """Continues `it belongs`."""
    fix: str
    path: KeyPath
    """Where the key would stand; empty where that is in another file."""


def move_of(path: KeyPath, value: Any, *, model: type[Spec], places: Places) -> Move | None:
    """Where a key that is unknown at its path belongs; None where no section knows it."""
    over = places.overlay
    own = over if over and path[0] == "data" and over.exact(path) else places
    homes = homes_of(path, value, model=model, written=own.document.entries)
    if not homes:
        return None
    first = homes[0]
    is_here = first.model is model and (own is places or first.section[:1] == ("data",))
    elsewhere = "" if is_here else _file(first, model=model, places=places)
    belongs = " or ".join(dict.fromkeys(_level(home.section) for home in homes if home.model is first.model))
    belongs += f" in {elsewhere}" if elsewhere else ""
    belongs += f", as {first.key}" if first.key != path[-1] else ""
    target = (*first.section, first.key)
    pasted = _pasted(first, value)
    if elsewhere:
        fix = f"there, write {first.key}: {pasted}" if pasted else "move it there"
    elif places.at(path).is_override and all(isinstance(part, str) for part in target):
        setting = f"{dotted(target)}={pasted or 'VALUE'}"
        fix = f"--set {shlex.quote(setting)}"
    else:
        fix = _written(first, first.value(value), pasted, document=own.document)
    return Move(belongs, fix, () if elsewhere else target)


def _level(section: KeyPath) -> str:
    """`under gates.forgetting`: the place in a list is left out."""
    names = tuple(part for part in section if isinstance(part, str))
    return f"under {dotted(names)}" if names else "at the top level"


def _file(home: Home, *, model: type[Spec], places: Places) -> str:
    """The other file, by its name where that is known."""
    if home.model is model:
        return places.document.file
    task = places.document.data.get("task") if home.model is TaskSpec and model is ExperimentSpec else None
    return f"tasks/{clipped(task)}/task.yaml" if isinstance(task, str) else _FILES[home.model]


def _pasted(home: Home, value: Any) -> str | None:
    """The value on one line; None where it is long, wrong, or not to be repeated."""
    text = flow(home.value(value))
    return text if home.fits(home.value(value)) and home.key not in _SECRET and len(text) <= LONGEST else None


def _written(home: Home, value: Any, pasted: str | None, *, document: Document) -> str:
    """What to write in this file: a line into a section that is there, else the shortest section that holds it."""
    section = home.section
    if entry := document.entries.get((*section, home.key)):
        return f"remove it; {dotted((*section, home.key))} is set in line {entry.key[0]}"
    depth = next(i for i in range(len(section), -1, -1) if isinstance(_found(document.data, section[:i]), dict))
    there = section[:depth]
    line = f"{home.key}: {pasted}" if there == section else _grown(home, value, there, document=document)
    if pasted is None or line is None:
        return f"move it {_level(section) if section else 'to the top level'}"
    return f"write {line}{_into(there, document) if there or there == section else ''}"


def _grown(home: Home, value: Any, there: KeyPath, *, document: Document) -> str | None:
    """The shortest section that holds the key, as a line below `there`; None where something else is written there."""
    path = home.section[: len(there) + 1]
    below, asked = _found(document.data, path), home.at(path)
    leaf = {home.key: value}
    if below in (None, [], {}):
        grown = _section(asked, home.section[len(path) :], leaf, least=not home.is_overlay)
    elif path == home.section and isinstance(below, str) and path[-1] not in _SECRET:
        grown = {**fitted(below, asked), **leaf}  # `model: sample` is short for model.name
    else:
        return None
    line = f"{path[-1]}: {flow(grown)}"
    return None if grown is None or len(line) > MOST else line


def _section(asked: Asked, rest: KeyPath, leaf: dict[str, Any], *, least: bool) -> Any:
    """The leaf inside the sections that lead to it, with the `least` that has to stand beside it.

    Null where no example is known of what has to stand there.
    """
    if asked.section is None and rest:
        inner = _section(asked.inside(rest[0]), rest[1:], leaf, least=least)
        held = [inner] if isinstance(rest[0], int) else {rest[0]: inner}
        return None if inner is None else held
    held = {str(rest[0]): _section(asked.inside(rest[0]), rest[1:], leaf, least=least)} if rest else leaf
    beside = {name: asked.inside(name).example for name in asked.required if least and name not in held}
    return None if None in (*beside.values(), *held.values()) else {**beside, **held}


def _into(there: KeyPath, document: Document) -> str:
    """Into which section, and its line."""
    if not there:
        return " at the top level of the file"
    line, above = document.entries[there].key[0], _found(document.data, there[:-1])
    if isinstance(above, list) and len(above) > 1:
        return f" in each item of {dotted(there[:-1])} that it is for, from line {line}"
    return f" under {dotted(there)}, line {line}"


def _found(data: Any, path: KeyPath) -> Any:
    """What stands at a path; null: nothing."""
    for part in path:
        is_there = part in data if isinstance(data, dict) else isinstance(data, list) and part == 0 and bool(data)
        data = data[part] if is_there else None
    return data
