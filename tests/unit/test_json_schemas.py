"""JSON Schemas of a format gate: what no answer could be checked by is refused before there is an answer."""

import time
from typing import Any

import pytest

from harness.specs import FormatGate
from harness.specs.json_schemas import SIMPLE, flaw_of, satisfies

CITY = {"type": "object", "required": ["city"], "properties": {"city": {"$ref": "#/$defs/name"}}}
TREE = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
DOUBLING = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)}
DEEP: dict[str, Any] = {}
for _ in range(2_000):
    DEEP = {"not": DEEP}

SOUND: list[dict[str, Any]] = [
    {},
    {**CITY, "$defs": {"name": {"type": "string"}}},
    {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://x.example/s", **TREE},
    {"$ref": "#name", "$defs": {"x": {"$anchor": "name", "type": "string"}}},
    {"$dynamicRef": "#name", "$defs": {"x": {"$dynamicAnchor": "name", "type": "string"}}},
    {"properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}}},
    {"const": {"$ref": "#/nowhere", "$id": "x"}},
    {"unevaluatedProperties": False, "allOf": [{"$ref": "#/definitions/a"}], "definitions": {"a": {"minimum": 1}}},
]
FLAWED: list[tuple[dict[str, Any], str]] = [
    ({"$ref": "#/$defs/missing"}, "refers to #/$defs/missing, which is not in it"),
    ({"properties": {"a": {"items": {"$ref": "#/$defs/missing"}}}}, "which is not in it"),
    ({"$dynamicRef": "#nowhere"}, "refers to #nowhere, which is not in it"),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}}}, "refers to #/$defs/b, which is not in it"),
    ({"$ref": "#/title/x", "title": "t"}, "refers to #/title/x, which is not in it"),
    ({"$ref": "#/required", "required": ["a"]}, "refers to #/required, which is no schema"),
    ({"$ref": "#/examples/0", "examples": [{"type": 3}]}, "refers to #/examples/0, which is no schema"),
    ({"$ref": "#/examples/0", "examples": [{"$ref": "#/x"}]}, "refers to #/x, which is not in it"),
    ({"$ref": "other.json"}, "refers to other.json; nothing is fetched"),
    ({"$ref": "#/" + "x" * 9_000}, "which is not in it"),
    ({"$ref": "#/\ud800"}, "which is not in it"),
    ({"$defs": {"a": {"$id": "https://x.example/a"}}}, "has $id inside"),
    ({"items": {"$schema": "http://json-schema.org/draft-07/schema#"}}, "has $schema inside"),
    ({"$schema": "http://json-schema.org/draft-07/schema#"}, "answers are checked by draft 2020-12"),
    ({"$ref": "#"}, "a schema that has no answer for {} (it refers to itself for ever)"),
    ({"properties": {"a": {"$ref": "#/properties/a"}}}, "no answer for {} (it refers to itself for ever)"),
    ({"$dynamicRef": "#a", "$dynamicAnchor": "a"}, "refers to itself for ever"),
    ({"anyOf": [{"type": "object"}, {"$ref": "#"}]}, "no answer for [] (it refers to itself for ever)"),
    ({"$ref": "#/$defs/d0", "$defs": {**DOUBLING, "d40": {}}}, "no answer for {} (it takes too long)"),
    ({"pattern": "("}, "is no JSON Schema"),
    ({"pattern": "a{99999999999}"}, "is no JSON Schema"),
    ({"properties": {1: {}}}, "is no JSON Schema (a key or a value is not one of JSON)"),
    ({"maximum": float("nan")}, "is no JSON Schema (a key or a value is not one of JSON)"),
    (DEEP, "nested too deeply"),
]


@pytest.mark.parametrize("schema", SOUND, ids=str)
def test_a_sound_schema_has_an_answer_for_every_value(schema: dict[str, Any]) -> None:
    assert flaw_of(schema) is None
    assert all(satisfies(value, schema=schema) in (True, False) for value in SIMPLE)
    assert FormatGate.model_validate({"json_schema": schema}).json_schema == schema


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the alarm may ring in a destructor
@pytest.mark.parametrize(("schema", "words"), FLAWED, ids=[words for _, words in FLAWED])
def test_a_schema_with_a_flaw_is_refused_in_a_few_words(schema: dict[str, Any], words: str) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match="json_schema") as caught:
        FormatGate.model_validate({"json_schema": schema})
    flaw = flaw_of(schema)
    assert flaw is not None
    assert words in flaw.what
    assert flaw.what.encode("utf-8", "backslashreplace").decode() in str(caught.value)
    assert len(flaw.what) < 300
    assert time.monotonic() - start < 10
