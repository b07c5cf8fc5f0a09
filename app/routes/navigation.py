"""The navigation bar at the top of every page."""

from __future__ import annotations

from typing import NamedTuple

from flask import Flask, request
from flask_login import current_user

_FOR_EVERYBODY = (("annotate.page", "Annotate"), ("work.page", "My work"))
_AT_THE_END = (("help.home", "Help"),)
_FOR_ADMINS = (
    ("data.page", "Data"),
    ("people.page", "People"),
    ("admin.home", "Training"),
    ("versions.page", "Versions"),
    ("system.page", "System"),
)

# Blueprints of pages that are not in the bar, and the blueprint in the bar that leads to them.
_BELOW = {
    "prompts": "data",
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
    here: bool


def places_of(*, admin: bool) -> tuple[tuple[str, str], ...]:
    """Return the endpoints of the bar with their labels, for an admin or for an annotator."""
    return _FOR_EVERYBODY + (_FOR_ADMINS if admin else ()) + _AT_THE_END


def places() -> list[Place]:
    """Return the pages that the bar offers to the person who is signed in: none before they choose a password."""
    if current_user.must_change_password:
        return []
    offered = places_of(admin=current_user.is_admin)
    blueprint = (request.endpoint or "").partition(".")[0]
    blueprint = _BELOW.get(blueprint, blueprint)
    return [Place(endpoint, label, blueprint == endpoint.partition(".")[0]) for endpoint, label in offered]


def init_app(app: Flask) -> None:
    """Make `places` available in every template."""
    app.jinja_env.globals["places"] = places
