"""Turn a JSON Schema into the reason why answers cannot be checked by it, found before the first answer is there.

A schema that fails only on an answer would fail in the judge stage, when the test set is already used.
"""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from harness.deadline import deadline

LONGEST_TRIAL = 1.0
"""Seconds that a schema may take to check a simple value."""
SIMPLE: tuple[Any, ...] = ({}, [], "", 0, None, True)
"""One value of every type."""
LONGEST = 200
"""Characters of a schema in a message."""
_REFERENCES, _SCOPES = ("$ref", "$dynamicRef"), ("$id", "$schema")


class Flaw(NamedTuple):
    """What is wrong with a schema."""

    what: str
    """Continues the name of the field."""
    fix: str
    """A schema that would do."""


def flaw_of(schema: dict[str, Any]) -> Flaw | None:
    """The first flaw; None: every answer can be checked."""
    try:
        return next(_flaws(schema), None)
    except RecursionError:
        return Flaw("is nested too deeply", "{type: object}")


def _flaws(schema: dict[str, Any]) -> Iterator[Flaw]:
    """In an order in which each test may rely on the ones before."""
    try:
        plain = json.loads(json.dumps(schema, allow_nan=False)) == schema
    except (TypeError, ValueError):
        plain = False
    if not plain:
        yield Flaw("is no JSON Schema (a key or a value is not one of JSON)", "{type: object}")
    if problem := _misshapen(schema):
        yield Flaw(f"is no JSON Schema ({problem})", "{type: object}")
    yield from _dialect(schema)
    parts: list[Any] = []
    for found in _walked(schema):
        if isinstance(found, Flaw):
            yield found
        parts.append(found)
    yield from _trials(schema, parts=parts)


def _misshapen(schema: Any) -> str | None:
    from jsonschema import Draft202012Validator

    try:
        Draft202012Validator.check_schema(schema)
    except Exception as error:  # `SchemaError`, or what `re` says to an absurd pattern.
        return str(getattr(error, "message", error))[:LONGEST]
    return None


def _dialect(schema: dict[str, Any]) -> Iterator[Flaw]:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    if "$schema" in schema and validator_for(schema, default=None) is not Draft202012Validator:
        here = Draft202012Validator.META_SCHEMA["$id"]
        yield Flaw(
            f"has $schema {schema['$schema'][:LONGEST]}; answers are checked by draft 2020-12", f"{{$schema: {here}}}"
        )


def _walked(schema: dict[str, Any]) -> Iterator[Any]:
    """Every schema inside; a flaw where one has a name or a dialect of its own, or a reference leads to none."""
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    empty: Registry[Any] = Registry()
    resolver = empty.resolver_with_root(DRAFT202012.create_resource(schema))
    waiting: list[Any] = [schema]
    seen: set[int] = set()
    while waiting:
        part = waiting.pop()
        if isinstance(part, bool) or id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        if part is not schema and (scope := next((word for word in _SCOPES if word in part), None)):
            yield Flaw(
                f"has {scope} inside; one schema has one name and one dialect", "{$defs: {NAME: {type: object}}}"
            )
        for ref in [part[word] for word in _REFERENCES if word in part]:
            found = _target(ref, resolver=resolver)
            if isinstance(found, Flaw):
                yield found
            waiting.append(found)
        waiting.extend(DRAFT202012.subresources_of(part))


def _target(ref: str, *, resolver: Any) -> Any:
    """The schema that a reference leads to, or a flaw."""
    fix = '{"$ref": "#/$defs/NAME"}'
    if not ref.startswith("#"):
        return Flaw(f"refers to {ref[:LONGEST]}; nothing is fetched", fix)
    try:
        found = resolver.lookup(ref).contents
    except Exception:  # It walks into whatever the document holds, and raises whatever that raises.
        return Flaw(f"refers to {ref[:LONGEST]}, which is not in it", fix)
    problem = _misshapen(found)
    return found if problem is None else Flaw(f"refers to {ref[:LONGEST]}, which is no schema ({problem})", fix)


def _trials(schema: dict[str, Any], *, parts: list[Any]) -> Iterator[Flaw]:
    """Every part must have an answer for simple values, and soon: some answer of a model may lead there."""
    whole = _validator(schema)
    for part, value in product(parts, SIMPLE):
        try:
            with deadline(LONGEST_TRIAL):
                whole.evolve(schema=part).is_valid(value)
        except Exception as error:
            why = {RecursionError: "it refers to itself for ever", TimeoutError: "it takes too long"}
            shown = why.get(type(error), f"{type(error).__name__}: {error}"[:LONGEST])
            yield Flaw(f"holds a schema that has no answer for {json.dumps(value)} ({shown})", "{type: object}")


def satisfies(value: Any, *, schema: dict[str, Any]) -> bool:
    """Whether a value read from JSON satisfies a schema; may raise anything on a hostile value."""
    return bool(_validator(schema).is_valid(value))


def _validator(schema: dict[str, Any]) -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    # An empty registry: a $ref is never fetched from anywhere.
    empty: Registry[Any] = Registry()
    return Draft202012Validator(schema, registry=empty)
