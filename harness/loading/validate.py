"""Turn data into a spec, or into every mistake in it at once: value seen, what is needed, the fix."""

from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from harness.loading.asked import Asked, asked_at
from harness.loading.mending import mended_value, section_fix
from harness.loading.places import Places, Problem
from harness.loading.words import KeyPath, did_you_mean, dotted, flow, listed, nearest, shown
from harness.specs.base import Spec

SpecT = TypeVar("SpecT", bound=Spec)

_UNKNOWN = "extra_forbidden"

# What pydantic calls it, what a person needs.
_NEEDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list of two numbers, [low, high]",
    "too_long": "at most {max_length} items",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "less than {lt:g}",
    "string_pattern_mismatch": "lower-case letters, digits and _ only",
}


def validated(model: type[SpecT], data: Any, *, places: Places) -> tuple[SpecT | None, list[Problem]]:
    """The spec, or None and every mistake with its place."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        items = error.errors(include_url=False)
        misspelt = {(*item["loc"][:-1], _guess(item, model)) for item in items if item["type"] == _UNKNOWN}
        # A misspelt key is one mistake, not also a missing one.
        once = [item for item in items if item["type"] != "missing" or item["loc"] not in misspelt]
        return None, [_problem(item, model, places) for item in once]


def _guess(item: ErrorDetails, model: type[Spec]) -> str | None:
    return nearest(str(item["loc"][-1]), asked_at(model, item["loc"][:-1]).keys)


def _problem(item: ErrorDetails, model: type[Spec], places: Places) -> Problem:
    special = {_UNKNOWN: _unknown_key, "missing": _missing, "misfit": _misfit}
    return special.get(item["type"], _wrong_value)(item, model, places)


def _unknown_key(item: ErrorDetails, model: type[Spec], places: Places) -> Problem:
    path = item["loc"]
    fix = did_you_mean(str(path[-1]), asked_at(model, path[:-1]).keys, kind="keys")
    return places.problem(path, f"{dotted(path)} is not a known key", fix=fix, key=True)


def _missing(item: ErrorDetails, model: type[Spec], places: Places) -> Problem:
    path, parent = item["loc"], item["loc"][:-1]
    if isinstance(path[-1], int):
        what = f"{dotted(parent)} has {_items(len(item['input']))}; needs a list of two numbers, [low, high]"
        return places.problem(parent, what, fix=places.setting(parent, flow(asked_at(model, parent).default)))
    meaning = asked_at(model, path).description.rstrip(".")
    fix = f"add {path[-1]}: ..." + (f" ({meaning})" if meaning else "")
    return places.problem(path, f"{dotted(path)} is missing", fix=fix)


def _misfit(item: ErrorDetails, model: type[Spec], places: Places) -> Problem:
    """A validator of ours: it names the fields at odds; the one a person wrote is the place."""
    context = item.get("ctx", {})
    paths: list[KeyPath] = [(*item["loc"], name) for name in context["fields"]] or [item["loc"]]
    written = [path for path in paths if places.exact(path)]
    place = min(written, key=lambda path: not places.at(path).is_override) if written else paths[0]
    fix = places.setting(paths[0], context["fix"])
    return places.problem(place, f"{dotted(paths[0])} {context['what']}", fix=fix)


def _wrong_value(item: ErrorDetails, model: type[Spec], places: Places) -> Problem:
    path, value = item["loc"], item["input"]
    asked = asked_at(model, path)
    if not places.exact(path):
        path = path[:-1]  # `model: 5` is short for model.name
    typed = places.at(path).typed
    what = f"{dotted(path)} is {shown(value, typed=typed)}; needs {_need(item, asked)}"
    mended = mended_value(item, asked, typed=typed)
    return places.problem(path, what, fix=places.setting(path, mended) if mended else section_fix(asked))


def _need(item: ErrorDetails, asked: Asked) -> str:
    context = item.get("ctx", {})
    if item["type"] == "literal_error":
        return f"one of {listed(asked.choices)}"
    if item["type"] == "too_short":
        return f"at least {_items(context['min_length'])}"
    need = _NEEDS.get(item["type"])
    return need.format(**context) if need else f"another value ({item['msg']})"


def _items(count: int) -> str:
    return f"{count} item{'' if count == 1 else 's'}"
