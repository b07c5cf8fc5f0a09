"""The navigation bar at the top of every page."""

from __future__ import annotations

from typing import NamedTuple

from flask import Flask, request
from flask_login import current_user

from app.words import N_, gettext

_FOR_EVERYBODY = (("annotate.page", N_("Annotate"), "pencil-square"), ("work.page", N_("My work"), "clock-history"))
_FOR_ADMINS = (
    ("data.page", N_("Data"), "collection"),
    ("people.page", N_("People"), "people"),
    ("admin.home", N_("Training"), "mortarboard"),
    ("versions.page", N_("Versions"), "layers"),
    ("system.page", N_("System"), "hdd-rack"),
)
_FOR_EVERYBODY_LAST = (("help.home", N_("Help"), "question-circle"),)

# Blueprints of pages that are not in the bar, and the blueprint in the bar that leads to them.
_BELOW = {
    "prompts": "data",
    "assignments": "data",
    "groups": "people",
    "hours": "people",
    "personal_data": "people",
    "webhooks": "system",
    "api_docs": "system",
    "guidelines": "system",
    "liking": "admin",
    "comparison": "versions",
    "forgetting": "versions",
    "person_access": "people",
}


class Place(NamedTuple):
    """A page of the bar; `here` if the present page is it or lies below it."""

    endpoint: str
    label: str
    icon: str
    here: bool


def places() -> list[Place]:
    """Return the pages that the bar offers to the person who is signed in: none before they choose a password."""
    if current_user.must_change_password:
        return []
    offered = _FOR_EVERYBODY + (_FOR_ADMINS if current_user.is_admin else ()) + _FOR_EVERYBODY_LAST
    blueprint = (request.endpoint or "").partition(".")[0]
    blueprint = _BELOW.get(blueprint, blueprint)
    return [
        Place(endpoint, gettext(label), icon, blueprint == endpoint.partition(".")[0])
        for endpoint, label, icon in offered
    ]


def init_app(app: Flask) -> None:
    """Make `places` available in every template."""
    app.jinja_env.globals["places"] = places
