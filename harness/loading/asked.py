"""Turn a spec class and a key path into what is asked for there."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic_core import PydanticUndefined

from harness.loading.words import KeyPath
from harness.specs.base import Spec


@dataclass(frozen=True)
class Asked:
    """What one key path may hold."""

    kind: Any
    """The type, without `None` and constraints."""
    default: Any = None
    """What stands there when nobody writes it; null when it has to be written."""
    description: str = ""
    sample: Any = None
    """The first of the field's own examples; null: it has none."""
    name: str = ""
    """Of the key; empty for what stands in a list or has no fixed name."""

    @property
    def section(self) -> type[Spec] | None:
        """The spec class, when a section with fixed keys belongs here."""
        return self.kind if isinstance(self.kind, type) and issubclass(self.kind, Spec) else None

    @property
    def keys(self) -> list[str]:
        return list(self.section.model_fields) if self.section else []

    @property
    def required(self) -> list[str]:
        """The keys that have to be written."""
        fields = self.section.model_fields if self.section else {}
        return [name for name, field in fields.items() if field.is_required()]

    @property
    def least(self) -> list[str]:
        """The keys of the shortest section: the required ones, else the first."""
        return self.required or self.keys[:1]

    @property
    def choices(self) -> list[str]:
        return [str(choice) for choice in get_args(self.kind)] if get_origin(self.kind) is Literal else []

    @property
    def items(self) -> "Asked | None":
        """What each item may be, when a list belongs here."""
        return self.inside(0) if get_origin(self.kind) is list else None

    @property
    def example(self) -> Any:
        """A value that would do: the field's own, its default, or one made of the examples inside; null: none known."""
        if self.sample is not None:
            return self.sample
        if self.section is None and self.default not in (None, [], {}):
            return self.default
        if self.section is not None:
            parts = {name: self.inside(name).example for name in self.least}
            return None if None in parts.values() else parts
        inner = self.items.example if self.items else None
        return [inner] if inner is not None else next(iter(self.choices), None)

    def inside(self, part: str | int) -> "Asked":
        """What one key or one place in the list may hold."""
        return _field(self.section, str(part)) if self.section else _item(self, part)


def asked_at(model: type[Spec], path: KeyPath) -> Asked:
    """What belongs at a key path; a path that the specs do not know asks for anything."""
    asked = Asked(model)
    for part in path:
        asked = asked.inside(part)
    return asked


def _field(section: type[Spec], name: str) -> Asked:
    field = section.model_fields.get(name)
    if field is None:
        return Asked(Any)
    default = field.get_default(call_default_factory=True)
    known = None if default is PydanticUndefined else default
    sample = next(iter(field.examples or []), None)
    return Asked(_bare(field.annotation), known, (field.description or "").split("\n")[0], sample, name)


def _item(asked: Asked, part: str | int) -> Asked:
    inner = get_args(asked.kind)
    has_default = isinstance(asked.default, Sequence) and isinstance(part, int) and part < len(asked.default)
    default = asked.default[part] if has_default else None
    return Asked(_bare(inner[-1]) if inner else Any, default)


def _bare(kind: Any) -> Any:
    """`Annotated[int, ...] | None` is `int` to a reader."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return _bare(next(option for option in get_args(kind) if option is not type(None)))
    return kind
