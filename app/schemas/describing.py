"""Schemas as JSON Schema, for the API's document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from app.schemas.kinds import STUDIO_TEXT
from app.schemas.reading import Sent

JsonSchema = dict[str, Any]
_REF = "#/components/schemas/{name}"


def reference(name: str) -> JsonSchema:
    """Return the schema that refers to the one with that name."""
    return {"$ref": _REF.format(name=name)}


def described(kinds: Sequence[Any], longest_text: int) -> tuple[list[JsonSchema], dict[str, JsonSchema]]:
    """The JSON Schema of each kind, and the schemas that they refer to by their names.

    `longest_text` is what the studio's settings say of the texts that people write.
    """
    schemas, named = msgspec.json.schema_components(kinds, ref_template=_REF)
    for kind in _subclasses(Sent):
        if kind.rules and kind.__name__ in named:
            named[kind.__name__]["allOf"] = list(kind.rules)
    shown = {name: _finished(schema, longest_text) for name, schema in named.items()}
    return [_finished(schema, longest_text) for schema in schemas], shown


def parameters(kind: type[Sent], longest_text: int) -> list[JsonSchema]:
    """The fields of a query as OpenAPI's parameters. A query has no null: what is not meant is left out."""
    (schema,), named = described([kind], longest_text)
    whole = named[schema["$ref"].rpartition("/")[2]]
    found = []
    for name, field in whole["properties"].items():
        field = _without_null(field)
        if "$ref" in field:
            field = named[field.pop("$ref").rpartition("/")[2]] | field
        parameter = {"name": name, "in": "query", "schema": field}
        if "description" in field:
            parameter["description"] = field.pop("description")
        if name in whole.get("required", ()):
            parameter["required"] = True
        found.append(parameter)
    return found


def _without_null(field: JsonSchema) -> JsonSchema:
    rest = {name: value for name, value in field.items() if name != "anyOf" and (name, value) != ("default", None)}
    kinds = [one for one in field.get("anyOf", ()) if one != {"type": "null"}]
    return rest | kinds[0] if len(kinds) == 1 else rest | ({"anyOf": kinds} if kinds else {})


def _finished(schema: Any, longest_text: int) -> Any:
    """The same without titles, which repeat the names, and with the longest text in the place of its mark."""
    if isinstance(schema, list):
        return [_finished(one, longest_text) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {}
    for name, value in schema.items():
        if name == STUDIO_TEXT:
            made["maxLength"] = longest_text
        elif not (name == "title" and isinstance(value, str)):
            made[name] = _finished(value, longest_text)
    return made


def _subclasses(kind: type[Sent]) -> Iterator[type[Sent]]:
    for one in kind.__subclasses__():
        yield one
        yield from _subclasses(one)
