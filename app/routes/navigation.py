"""The places that the bar at the top of every page leads to."""

from __future__ import annotations

from typing import NamedTuple

from flask import Flask, request
from flask_login import current_user

_FOR_EVERYBODY = (("annotate.page", "Annotate"), ("work.page", "My work"))
_FOR_ADMINS = (
    ("data.page", "Data"),
    ("people.page", "People"),
    ("admin.home", "Training"),
    ("versions.page", "Versions"),
    ("system.page", "System"),
)

# Pages without a place of their own in the bar, by blueprint, and the place that leads to them.
_BELOW = {"prompts": "data", "webhooks": "system", "api_docs": "system", "guidelines": "system", "liking": "admin"}


class Place(NamedTuple):
    """A page of the bar; `here` if the present one is it or lies below it."""

    endpoint: str
    label: str
    here: bool


def places() -> list[Place]:
    """What the person who is signed in may go to."""
    offered = _FOR_EVERYBODY + (_FOR_ADMINS if current_user.is_admin else ())
    blueprint = (request.endpoint or "").partition(".")[0]
    blueprint = _BELOW.get(blueprint, blueprint)
    return [Place(endpoint, label, blueprint == endpoint.partition(".")[0]) for endpoint, label in offered]


def init_app(app: Flask) -> None:
    """Let every template ask."""
    app.jinja_env.globals["places"] = places
