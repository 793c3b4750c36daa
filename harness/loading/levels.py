"""Turn a key that stands at the wrong level into the sections of the specs that know it, the likeliest first."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from harness.loading.asked import Asked, asked_at
from harness.loading.fitting import fitted
from harness.loading.words import KeyPath
from harness.specs import BaselineSpec, ExperimentSpec, TaskSpec
from harness.specs.base import Spec

SPECS: tuple[type[Spec], ...] = (ExperimentSpec, TaskSpec, BaselineSpec)
"""What a file may be."""
_DATA = ("data",)
"""What an experiment lays over its task's section of that name."""
_EVERYWHERE = ("name", "description")
"""What says something else in every file, so that it is not offered from one to another."""


@dataclass(frozen=True)
class Home:
    """One section that knows a key."""

    model: type[Spec]
    """The spec whose file has the section."""
    section: KeyPath
    """An item of a list is its first one, ("variants", 0)."""
    asked: Asked
    key: str

    def fits(self, value: Any) -> bool:
        """Whether the key may have this value here."""
        section = self.asked.section
        try:
            if section is not None:
                section.model_validate({self.key: value})
        except ValidationError as error:
            return all(item["loc"][:1] != (self.key,) for item in error.errors(include_url=False))
        return True

    @property
    def is_overlay(self) -> bool:
        """Whether the section lies over one that is complete."""
        return self.model is ExperimentSpec and self.section[:1] == _DATA

    def at(self, path: KeyPath) -> Asked:
        """What belongs at a path of the file."""
        return asked_at(_spec(path, self.model), path)

    def value(self, value: Any) -> Any:
        """The value in the form that is asked for here; as it is where no such form is known."""
        other = fitted(value, self.asked.inside(self.key))
        return other if not self.fits(value) and self.fits(other) else value


def homes_of(path: KeyPath, value: Any, *, model: type[Spec], written: Collection[KeyPath]) -> list[Home]:
    """Where a key that is unknown at its path belongs; several where they are equally likely.

    `model` is the spec of the file, `written` the paths in it. What can hold the value comes first, then what shares
    most of the path, then what takes the value as it is, then what is less deep, then what is written already.
    """
    ours = [home for key in _names(path, value) for home in _homes(key, model)]
    theirs = [home for other in SPECS if other is not model for home in _homes(str(path[-1]), other)]
    homes = [home for home in ours if home.fits(home.value(value))]
    if not homes and path[-1] not in _EVERYWHERE:
        homes = [home for home in theirs if home.fits(value)]
    if not homes and (len(path) == 1 or isinstance(value, dict)):
        homes = ours

    def distance(home: Home) -> tuple[int, bool, int, bool]:
        shared = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(path, home.section, strict=False))))
        depth = sum(isinstance(part, str) for part in home.section)
        return -shared, not home.fits(value), depth, home.section not in written

    least = min(map(distance, homes), default=None)
    return [home for home in homes if distance(home) == least]


def _names(path: KeyPath, value: Any) -> list[str]:
    """The key; for a prompt's text also the key that takes one."""
    is_text = path[-1] == "prompt" and isinstance(value, str)
    return [str(path[-1]), "pattern"] if is_text else [str(path[-1])]


def _homes(key: str, model: type[Spec]) -> Iterator[Home]:
    sections = list(_sections(Asked(model)))
    if model is ExperimentSpec:
        sections += _sections(asked_at(TaskSpec, _DATA), _DATA)
    return (Home(model, path, asked, key) for path, asked in sections if key in asked.keys)


def _spec(path: KeyPath, model: type[Spec]) -> type[Spec]:
    """Which spec says what belongs at a path."""
    return TaskSpec if model is ExperimentSpec and path[:1] == _DATA else model


def _sections(asked: Asked, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Asked]]:
    """Every section below, with one item of each list and one entry of each mapping."""
    if asked.section is not None:
        yield path, asked
    for part in [*asked.keys, *_entry(asked)]:
        yield from _sections(asked.inside(part), (*path, part))


def _entry(asked: Asked) -> list[str | int]:
    """The place of an item or of an entry, where these are sections."""
    if asked.items is not None:
        return [0]
    is_mapping = get_origin(asked.kind) is dict and get_args(asked.kind)[-1] is not Any
    return list(asked.sample or ())[:1] if is_mapping else []
