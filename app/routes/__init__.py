"""Thin routes: parse → service → render. One blueprint a file."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

from app.routes import (
    admin,
    annotate,
    api_admin,
    api_annotate,
    api_data,
    api_docs,
    api_me,
    api_runs,
    api_versions,
    api_webhooks,
    auth,
    data,
    guidelines,
    health,
    join,
    navigation,
    openapi,
    people,
    system,
    versions,
    webhooks,
    work,
)
from app.routes.openapi_parts import API_PREFIX
from app.routes.payload import LARGEST_ID

_PAGES = (
    annotate.blueprint,
    auth.blueprint,
    admin.blueprint,
    health.blueprint,
    people.blueprint,
    join.blueprint,
    system.blueprint,
    work.blueprint,
    guidelines.blueprint,
    versions.blueprint,
    data.blueprint,
    webhooks.blueprint,
    api_docs.blueprint,
)
_API = (
    api_annotate.blueprint,
    api_me.blueprint,
    api_runs.blueprint,
    api_admin.blueprint,
    api_data.blueprint,
    api_versions.blueprint,
    api_webhooks.blueprint,
    openapi.blueprint,
)


def register_blueprints(app: Flask) -> None:
    """Add every blueprint."""
    app.url_map.converters["int"] = _Id
    navigation.init_app(app)
    for blueprint in _PAGES:
        app.register_blueprint(blueprint)
    for blueprint in _API:
        app.register_blueprint(blueprint, url_prefix=API_PREFIX)
    app.before_request(openapi.refuse_unknown_parameters)


class _Id(IntegerConverter):
    """A number in a path. One that no row can have leads to no page, rather than to an error of the database."""

    def __init__(self, map: Map, **options: Any) -> None:
        super().__init__(map, max=LARGEST_ID, **options)
