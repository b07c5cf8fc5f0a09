"""What every part of the API's description is put together from: types, replies, operations."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

API_PREFIX = "/api/v1"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
ADMIN = "For admins."
STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}


def ref(name: str) -> Schema:
    """A reference to a shape by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(schema: Schema) -> Schema:
    """That shape, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def reply(description: str, schema: Schema | None = None, media: str = JSON) -> dict[str, Any]:
    """One answer; without a schema it has no body."""
    return {"description": description} | ({} if schema is None else {"content": {media: {"schema": schema}}})


def number_in_path(name: str) -> dict[str, Any]:
    """A number that is part of the address."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}


def operation(
    summary: str,
    replies: dict[str, dict[str, Any]],
    *refusals: int,
    body: dict[str, Any] | None = None,
    parameters: tuple[dict[str, Any], ...] = (),
) -> dict[str, Any]:
    """One operation; `refusals` are the statuses of its problem documents, besides 401 and 403."""
    problems = {str(status): _PROBLEMS[status] for status in (401, 403, *refusals)}
    described: dict[str, Any] = {"summary": summary, "responses": {**replies, **problems}}
    if body is not None:
        described["requestBody"] = {"required": True, "content": body}
    if parameters:
        described["parameters"] = list(parameters)
    return described


_PROBLEMS = {
    status: reply(meaning, ref("Problem"), "application/problem+json")
    for status, meaning in {
        400: "The body cannot be read.",
        401: "No token, or one that is not known.",
        403: "This person may not do that.",
        404: "There is no such thing, or it is not this person's.",
        409: "It does not fit the present state.",
        413: "More than is accepted at once.",
        422: "What was sent cannot be used.",
        503: "It cannot be done at present; the detail says why.",
    }.items()
}
