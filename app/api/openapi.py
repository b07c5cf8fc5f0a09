"""The API's own description: OpenAPI 3.1, made of what is said at each view, its route and who may call it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from app.access import ANNOTATOR, PUBLIC, REVIEWER, scopes_for
from app.api.operations import JSON, Answer, Operation, operation_of
from app.api.problems import PROBLEMS, Problem
from app.domain_errors import PROBLEM_JSON
from app.schemas.describing import JsonSchema, described, parameters
from app.services.training import setting_schemas
from app.version import VERSION

API_PREFIX = "/api/v1"


def description(app: Flask, longest: int) -> dict[str, Any]:
    """Return the description of what `app` offers; `longest` is how long the texts that people write may be."""
    routes = list(_routes(app))
    kinds = _Kinds(routes, longest)
    paths: dict[str, dict[str, Any]] = {}
    for method, path, rule, said in routes:
        paths.setdefault(path, {})[method] = _operation(method, rule, said, kinds, longest)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mellow",
            "version": VERSION,
            "description": "Draw three rewrites of a text, say which is best, retrain, choose which version serves. "
            "Errors are RFC 9457 problem documents whose detail is one sentence.",
        },
        "servers": [{"url": API_PREFIX}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": _TOKENS}},
            "schemas": kinds.named | setting_schemas.SCHEMAS,
        },
    }


_TOKENS = (
    "A token from the account page or POST /tokens. It acts for its owner, within the owner's role and its scopes: "
    "`read` reads (GET) whatever the owner may read, `annotate` does what annotators may do, `admin` does whatever the "
    "owner may do. Each operation names the scopes of which a token needs one; without it, the answer is 403."
)
_ADMINS, _REVIEWERS = "For admins.", "For those who review."
Route = tuple[str, str, Rule, Operation]
_IN_PATH = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")


def _routes(app: Flask) -> Iterator[Route]:
    """(method, path, rule, what is said of it) of every operation, in the order of their registration."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(f"{API_PREFIX}/"):
            path = _IN_PATH.sub(r"{\g<name>}", rule.rule.removeprefix(API_PREFIX))
            said = operation_of(app.view_functions[rule.endpoint])
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method.lower(), path, rule, said


class _Kinds:
    """The schemas of all operations: all are described at once, so that their names are known."""

    def __init__(self, routes: Iterable[Route], longest: int) -> None:
        kinds: list[Any] = [Problem]
        for *_, said in routes:
            kinds += [kind for kind in (said.body, *said.media.values()) if kind is not None]
            for answer in said.answers:
                kinds += [kind for kind in (answer.kind, answer.lines, *answer.others.values()) if kind is not None]
        schemas, self.named = described(kinds, longest)
        self._found = dict(zip(map(repr, kinds), schemas, strict=True))

    def content(self, media: str, kind: Any) -> dict[str, Any]:
        """A body of that kind."""
        return {media: {"schema": self._found[repr(kind)]}}


def _operation(method: str, rule: Rule, said: Operation, kinds: _Kinds, longest: int) -> dict[str, Any]:
    public = rule.endpoint in PUBLIC
    whose = "" if public or rule.endpoint in ANNOTATOR else _REVIEWERS if rule.endpoint in REVIEWER else _ADMINS
    refusals = {422, *said.refusals} | (set() if public else {401, 403})
    refusals |= ({404} if rule.arguments else set()) | ({400, 413} if said.body is not None else set())
    refusals |= {507} if method.upper() != "GET" else set()
    scopes = () if public else scopes_for(rule.endpoint, method.upper())
    made: dict[str, Any] = {
        "summary": f"{said.summary}. {whose}" if whose else said.summary,
        "security": [{"token": [scope]} for scope in scopes],
    }
    sent = [_path_parameter(found) for found in _IN_PATH.finditer(rule.rule)]
    sent += parameters(said.query, longest) if said.query is not None else []
    if sent:
        made["parameters"] = sent
    bodies = ({JSON: said.body} if said.body is not None else {}) | dict(said.media)
    if bodies:
        content: JsonSchema = {}
        for media, kind in bodies.items():
            content |= kinds.content(media, kind)
        made["requestBody"] = {"required": True, "content": content}
    made["responses"] = {str(answer.status): _answer(answer, kinds) for answer in said.answers} | {
        str(status): {"description": PROBLEMS[status], "content": kinds.content(PROBLEM_JSON, Problem)}
        for status in sorted(refusals)
    }
    return made


def _answer(answer: Answer, kinds: _Kinds) -> dict[str, Any]:
    made: dict[str, Any] = {"description": answer.meaning}
    if answer.kind is not None:
        made["content"] = {}
        for media, kind in (dict.fromkeys(answer.media, answer.kind) | dict(answer.others)).items():
            made["content"] |= kinds.content(media, kind)
    return made


def _path_parameter(found: re.Match[str]) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 0} if found["kind"] == "int" else {"type": "string"}
    return {"name": found["name"], "in": "path", "required": True, "schema": schema}
