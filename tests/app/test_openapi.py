"""The API's description is valid and says exactly what the routes do."""

from __future__ import annotations

import re

from flask import Flask
from openapi_spec_validator import validate


def test_the_description_is_valid_openapi(app: Flask) -> None:
    validate(app.test_client().get("/api/v1/openapi.json").get_json())


def test_every_api_route_is_described_and_nothing_else(app: Flask) -> None:
    described = {
        (method.upper(), path)
        for path, operations in app.test_client().get("/api/v1/openapi.json").get_json()["paths"].items()
        for method in operations
    }
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1")))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/v1/")
    }
    assert described == routes
