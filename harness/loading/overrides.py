"""Turn `--set key.path=value` into changed data; every mistake is placed at the `--set`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import SpecErrors, UserError
from harness.loading.places import Override, Problem, override_place
from harness.loading.positions import parsed
from harness.loading.words import KeyPath, clipped, dotted, shown

# A key that holds dots is quoted: gates.metrics."metrics.py:concise".floor=0.2
_KEY = r'(?:"[^"]+"|[^".=\s]+)'
_SETTING = re.compile(rf"\s*({_KEY}(?:\.{_KEY})*)\s*=(.*)", re.DOTALL)


def with_overrides(
    data: Any, settings: Sequence[str], *, shorthand: Mapping[KeyPath, str]
) -> tuple[Any, list[Override], list[Problem]]:
    """The changed data, the overrides that applied, and the problems of those that did not.

    `shorthand` names the key that a plain value stands for: {("model",): "name"}.
    """
    applied: list[Override] = []
    problems = []
    for index, typed in enumerate(settings):
        try:
            parts, value = _understood(typed)
            setting = Override(typed, _path_in(data, parts), value)
            data = _replaced(data, setting, done=(), shorthand=shorthand)
            applied.append(setting)
        except UserError as error:
            placed = UserError(error.what, where=override_place(typed), fix=error.fix)
            problems.append(Problem((0, 0, index), placed))
    return data, applied, problems


def _understood(typed: str) -> tuple[list[str], Any]:
    match = _SETTING.fullmatch(typed)
    if match is None:
        raise UserError("not key.path=value", fix="--set search.trials=20")
    parts = [part.strip('"') for part in re.findall(_KEY, match[1])]
    return parts, _value(match[2])


def _value(text: str) -> Any:
    try:
        return parsed(text, file="value").data
    except SpecErrors as errors:
        first = errors.errors[0]
        raise UserError(f"the value: {first.what}", fix=first.fix) from errors
    except UserError as error:
        raise UserError(f"the value is {error.what}", fix=error.fix) from error


def _path_in(data: Any, parts: Sequence[str]) -> KeyPath:
    """Digits count items where the data holds a list."""
    path: list[str | int] = []
    for part in parts:
        in_list = isinstance(data, list) and part.isdecimal()
        path.append(int(part) if in_list else part)
        if isinstance(data, list):
            data = data[int(part)] if in_list and int(part) < len(data) else None
        else:
            data = data.get(part) if isinstance(data, dict) else None
    return tuple(path)


def _replaced(data: Any, setting: Override, *, done: KeyPath, shorthand: Mapping[KeyPath, str]) -> Any:
    """A copy of the data with one value replaced; missing sections appear."""
    if setting.path == done:
        return setting.value
    key, here = setting.path[len(done)], setting.path[: len(done) + 1]
    if data is None:
        data = {}
    if done in shorthand and not isinstance(data, (dict, list)):
        data = {shorthand[done]: data}
    if isinstance(data, list):
        if not isinstance(key, int) or key >= len(data):
            what = f"{dotted(done)} is a list of {len(data)}; it has no item {clipped(str(key))}"
            raise UserError(what, fix=_items(done, data))
        item = _replaced(data[key], setting, done=here, shorthand=shorthand)
        return [*data[:key], item, *data[key + 1 :]]
    if not isinstance(data, dict):
        what = f"{dotted(done)} is {shown(data)}; it has nothing inside"
        raise UserError(what, fix=f"--set {dotted(done)}=VALUE")
    return {**data, str(key): _replaced(data.get(key), setting, done=here, shorthand=shorthand)}


def _items(path: KeyPath, items: Sequence[Any]) -> str:
    last = f"count from 0 to {len(items) - 1}, or " if items else ""
    return f"{last}set the whole list: --set '{dotted(path)}=[...]'"
