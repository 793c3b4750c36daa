"""Turn data into a spec, or into every mistake in it at once: value seen, what is needed, the fix."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from harness.loading.asked import Asked, asked_at
from harness.loading.mending import mended_value, section_fix
from harness.loading.moving import Move, move_of
from harness.loading.places import Places, Problem
from harness.loading.unknown import known_instead, meant_key, renamed, written_instead
from harness.loading.words import KeyPath, dotted, flow, listed, shown
from harness.specs.base import Spec

SpecT = TypeVar("SpecT", bound=Spec)

_UNKNOWN = "extra_forbidden"
_SECRET = (("api",), ("key_env",), ("storage",))
"""Where people put a key or a password by mistake; messages end up in logs."""
_TINY = 1e-3
"""A bound below this is written out, and is there to rule out 0."""

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
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "less than {lt:g}",
    "string_pattern_mismatch": "lower-case letters, digits and _ only",
}


class _Draft(NamedTuple):
    """What is being checked."""

    model: type[Spec]
    data: Any
    places: Places

    def accepts(self, path: KeyPath, value: Any) -> bool:
        """Whether a value in this place would leave no mistake there."""
        try:
            self.model.model_validate(_replaced(self.data, path, value))
        except ValidationError as error:
            return all(item["loc"][: len(path)] != path for item in error.errors(include_url=False))
        return True

    def move(self, path: KeyPath, value: Any) -> Move | None:
        """Where an unknown key is known."""
        return move_of(path, value, model=self.model, places=self.places)


def validated(model: type[SpecT], data: Any, *, places: Places) -> tuple[SpecT | None, list[Problem]]:
    """The spec, or None and every mistake with its place."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        items = error.errors(include_url=False)
        draft = _Draft(model, data, places)
        meant = [_meant(item, draft) for item in items if item["type"] == _UNKNOWN]
        # A misspelt or misplaced key is one mistake, not also a missing one.
        once = [item for item in items if item["type"] != "missing" or not _led_to(item["loc"], meant)]
        return None, [_problem(item, draft) for item in once]


def _replaced(data: Any, path: KeyPath, value: Any) -> Any:
    """A copy of the data with another value in one place."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(data, list):
        return [_replaced(item, rest, value) if i == key else item for i, item in enumerate(data)]
    section = data if isinstance(data, dict) else {}  # `model: 5` is short for model.name
    return {**section, key: _replaced(section.get(key), rest, value)}


def _meant(item: ErrorDetails, draft: _Draft) -> KeyPath:
    """The path of the key that an unknown one was probably meant to be; empty where none is known."""
    path, asked = item["loc"], asked_at(draft.model, item["loc"][:-1])
    if not renamed(path, item["input"], asked=asked) and (move := draft.move(path, item["input"])):
        return move.path
    guess = meant_key(str(path[-1]), asked.keys)
    return (*path[:-1], guess) if guess else ()


def _led_to(path: KeyPath, meant: Sequence[KeyPath]) -> bool:
    return any(other[: len(path)] == path for other in meant)


def _problem(item: ErrorDetails, draft: _Draft) -> Problem:
    special = {_UNKNOWN: _unknown_key, "missing": _missing, "misfit": _misfit}
    return special.get(item["type"], _wrong_value)(item, draft)


def _unknown_key(item: ErrorDetails, draft: _Draft) -> Problem:
    path, asked = item["loc"], asked_at(draft.model, item["loc"][:-1])
    what = f"{dotted(path)} is not a known key"
    fix = renamed(path, item["input"], asked=asked)
    if fix is None and (move := draft.move(path, item["input"])):
        what, fix = f"{what} here; it belongs {move.belongs}", move.fix
    return draft.places.problem(path, what, fix=fix or known_instead(path, keys=asked.keys), key=True)


def _missing(item: ErrorDetails, draft: _Draft) -> Problem:
    path, parent, places = item["loc"], item["loc"][:-1], draft.places
    if isinstance(path[-1], int):
        what = f"{dotted(parent)} has {_items(len(item['input']))}; needs a list of two numbers, [low, high]"
        return places.problem(parent, what, fix=places.setting(parent, flow(asked_at(draft.model, parent).example)))
    asked = asked_at(draft.model, path)
    value = "..." if asked.example is None else flow(asked.example)
    meaning = asked.description.rstrip(".")
    fix = f"add {path[-1]}: {value}" + (f" ({meaning})" if meaning else "")
    return places.problem(path, f"{dotted(path)} is missing", fix=fix)


def _misfit(item: ErrorDetails, draft: _Draft) -> Problem:
    """A validator of ours: it names the fields at odds; the one a person wrote is the place."""
    context, places = item.get("ctx", {}), draft.places
    paths: list[KeyPath] = [(*item["loc"], *name.split(".")) for name in context["fields"]] or [item["loc"]]
    written = [path for path in paths if places.exact(path)]
    place = min(written, key=lambda path: not places.at(path).is_override) if written else paths[0]
    fix = places.setting(paths[0], context["fix"])
    return places.problem(place, f"{dotted(paths[0])} {context['what']}", fix=fix)


def _wrong_value(item: ErrorDetails, draft: _Draft) -> Problem:
    path, value, places = item["loc"], item["input"], draft.places
    asked = asked_at(draft.model, path)
    if not places.exact(path):
        path = path[:-1]  # `model: 5` is short for model.name
    typed = places.at(path).typed
    hidden = path[-1:] in _SECRET
    seen = "not shown here, for it may be a key" if hidden else shown(value, typed=typed)
    what = f"{dotted(path)} is {seen}; needs {_need(item, asked)}"
    if path[-1:] == ("key_env",) or (hidden and isinstance(value, list)):  # Nothing that is made of it is shown either.
        fix = section_fix(asked) if asked.example is None else places.setting(path, flow(asked.example))
        return places.problem(path, what, fix=fix)
    if other := written_instead(item["loc"], value):
        return places.problem(path, what, fix=other)
    mended = mended_value(item, asked, typed=typed, accepted=lambda value: draft.accepts(path, value))
    return places.problem(path, what, fix=places.setting(path, mended) if mended else section_fix(asked))


def _need(item: ErrorDetails, asked: Asked) -> str:
    context = item.get("ctx", {})
    if item["type"] == "literal_error":
        return f"one of {listed(asked.choices)}"
    if item["type"] == "too_short":
        return f"at least {_items(context['min_length'])}"
    if item["type"] == "greater_than_equal":
        return _at_least(context["ge"], value=item["input"])
    need = _NEEDS.get(item["type"])
    return need.format(**context) if need else f"another value ({item['msg']})"


def _at_least(bound: float, *, value: float) -> str:
    """`at least 1`; a tiny bound as `more than 0 (at least 0.000001)`."""
    if not 0 < bound < _TINY:
        return f"at least {bound:g}"
    least = f"at least {bound:.9f}".rstrip("0")
    return least if value > 0 else f"more than 0 ({least})"


def _items(count: int) -> str:
    return f"{count} item{'' if count == 1 else 's'}"
