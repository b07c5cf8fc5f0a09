"""Thin routes: parse → service → render. One blueprint per file."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

from app.api.openapi import API_PREFIX
from app.routes import chapters, icons, libraries, markdown, navigation, script_words, typeface
from app.routes.desk import api as desk_api
from app.routes.desk import api_me, guidelines, my_judgments
from app.routes.desk import pages as desk_pages
from app.routes.exchange import api as exchange_api
from app.routes.exchange import hours
from app.routes.exchange import pages as exchange_pages
from app.routes.people import api as people_api
from app.routes.people import auth, groups, join, person_access, personal_data, reset
from app.routes.people import pages as people_pages
from app.routes.people.authentication import factors, organisation
from app.routes.projects import api as projects_api
from app.routes.projects import pages as projects_pages
from app.routes.projects import project_page
from app.routes.prompts import api as prompts_api
from app.routes.prompts import api_assignments, assignments
from app.routes.prompts import pages as prompts_pages
from app.routes.review import api as review_api
from app.routes.review import pages as review_pages
from app.routes.system import api_docs, api_document, api_webhooks, health, help, webhooks
from app.routes.system import pages as system_pages
from app.routes.training import api as training_api
from app.routes.training import by_itself, head_page
from app.routes.training import pages as training_pages
from app.routes.versions import api as versions_api
from app.routes.versions import api_comparisons, api_forgetting, comparison, forgetting_pages
from app.routes.versions import pages as versions_pages
from app.schemas.kinds import LARGEST_ID

_PAGES = (
    libraries.blueprint,
    desk_pages.blueprint,
    auth.blueprint,
    factors.blueprint,
    organisation.blueprint,
    training_pages.blueprint,
    head_page.blueprint,
    by_itself.blueprint,
    health.blueprint,
    people_pages.blueprint,
    person_access.blueprint,
    projects_pages.blueprint,
    project_page.blueprint,
    personal_data.blueprint,
    join.blueprint,
    reset.blueprint,
    system_pages.blueprint,
    my_judgments.blueprint,
    guidelines.blueprint,
    versions_pages.blueprint,
    comparison.blueprint,
    forgetting_pages.blueprint,
    exchange_pages.blueprint,
    prompts_pages.blueprint,
    review_pages.blueprint,
    assignments.blueprint,
    groups.blueprint,
    hours.blueprint,
    webhooks.blueprint,
    api_docs.blueprint,
    typeface.blueprint,
    script_words.blueprint,
    help.blueprint,
)
_API = (
    desk_api.blueprint,
    api_me.blueprint,
    people_api.blueprint,
    projects_api.blueprint,
    training_api.blueprint,
    exchange_api.blueprint,
    prompts_api.blueprint,
    review_api.blueprint,
    api_assignments.blueprint,
    hours.api,
    versions_api.blueprint,
    api_comparisons.blueprint,
    api_forgetting.blueprint,
    api_webhooks.blueprint,
    api_document.blueprint,
)


def register_blueprints(app: Flask) -> None:
    """Add every blueprint."""
    app.url_map.converters["int"] = _Id
    navigation.init_app(app)
    icons.init_app(app)
    typeface.init_app(app)
    script_words.init_app(app)
    chapters.init_app(app)
    markdown.init_app(app)
    for blueprint in _PAGES:
        app.register_blueprint(blueprint)
    for blueprint in _API:
        app.register_blueprint(blueprint, url_prefix=API_PREFIX)


class _Id(IntegerConverter):
    """An id in a path. A number that no row can have matches no page, rather than raising an error of the database."""

    def __init__(self, map: Map, **options: Any) -> None:
        super().__init__(map, max=LARGEST_ID, **options)
