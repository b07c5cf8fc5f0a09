"""Thin routes: parse → service → render. One blueprint a file."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

from app.routes import admin, annotate, api_admin, api_annotate, api_runs, auth, health, navigation, openapi
from app.routes.payload import LARGEST_ID

API_PREFIX = "/api/v1"


def register_blueprints(app: Flask) -> None:
    """Add every blueprint."""
    app.url_map.converters["int"] = _Id
    navigation.init_app(app)
    for blueprint in (annotate.blueprint, auth.blueprint, admin.blueprint, health.blueprint):
        app.register_blueprint(blueprint)
    for blueprint in (api_annotate.blueprint, api_runs.blueprint, api_admin.blueprint, openapi.blueprint):
        app.register_blueprint(blueprint, url_prefix=API_PREFIX)


class _Id(IntegerConverter):
    """A number in a path. One that no row can have leads to no page, rather than to an error of the database."""

    def __init__(self, map: Map, **options: Any) -> None:
        super().__init__(map, max=LARGEST_ID, **options)
