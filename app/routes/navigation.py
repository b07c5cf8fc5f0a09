"""The navigation bar at the top of every page."""

from __future__ import annotations

from typing import NamedTuple

from flask import Flask, request
from flask_login import current_user

from app.db import FIRST
from app.entrance import project_path
from app.services.projects.memberships import Seat
from app.words import N_, gettext

_FOR_MEMBERS = (("annotate.page", N_("Annotate"), "pencil-square"), ("work.page", N_("My work"), "clock-history"))
_REVIEW = ("review.page", N_("Review"), "check2-square")
_DATA = ("data.page", N_("Data"), "collection")
_PEOPLE = ("people.page", N_("People"), "people")
_MEMBERS = ("project.page", N_("Members"), "people")
_MODELS = (("admin.home", N_("Training"), "mortarboard"), ("versions.page", N_("Versions"), "layers"))
_SYSTEM = ("system.page", N_("System"), "hdd-rack")
_HELP = ("help.home", N_("Help"), "question-circle")

# Blueprints of pages that are not in the bar, and the blueprint in the bar that leads to them.
_BELOW = {
    "prompts": "data",
    "assignments": "data",
    "groups": "people",
    "personal_data": "people",
    "webhooks": "system",
    "liking": "admin",
    "comparison": "versions",
    "forgetting": "versions",
    "person_access": "people",
    "projects": "system",
}
_BELOW_FOR_STUDIO_ADMINS = {"api_docs": "system", "guidelines": "system", "project": "people", "hours": "people"}
_BELOW_FOR_PROJECT_ADMINS = {"api_docs": "data", "guidelines": "project", "hours": "project"}


class Place(NamedTuple):
    """A page of the bar; `here` if the present page is it or lies below it."""

    endpoint: str
    label: str
    icon: str
    here: bool


class Way(NamedTuple):
    """A project that the person may enter, and the address that leads there; `here` if it is the present one."""

    name: str
    address: str
    here: bool


def places() -> list[Place]:
    """Return the pages that the bar offers to the person who is signed in: none before they choose a password."""
    if current_user.must_change_password:
        return []
    blueprint = (request.endpoint or "").partition(".")[0]
    below = _BELOW | (_BELOW_FOR_STUDIO_ADMINS if current_user.is_admin else _BELOW_FOR_PROJECT_ADMINS)
    blueprint = below.get(blueprint, blueprint)
    return [
        Place(endpoint, gettext(label), icon, blueprint == endpoint.partition(".")[0])
        for endpoint, label, icon in _offered(current_user.seat)
    ]


def own_projects() -> list[Way]:
    """Return the projects that the person may enter, by the present page if the other has it for them, too.

    Nobody with one project is offered any.
    """
    if current_user.must_change_password or len(current_user.seats) < 2:
        return []
    return [
        Way(seat.name, _way_into(seat), current_user.seat is not None and seat.id == current_user.seat.id)
        for seat in current_user.seats
    ]


def _way_into(seat: Seat) -> str:
    there = {endpoint for endpoint, _, _ in _offered(seat)} - {"help.home"}
    endpoint = request.endpoint if request.endpoint in there else "annotate.page"
    return project_path.address(None if seat.id == FIRST else seat.slug, endpoint)


def _offered(seat: Seat | None) -> tuple[tuple[str, str, str], ...]:
    """Return endpoint, label and icon of the pages that the person may open in a project."""
    if seat is None:
        return (_HELP,)
    if current_user.is_admin:
        return (*_FOR_MEMBERS, _REVIEW, _DATA, _PEOPLE, *_MODELS, _SYSTEM, _HELP)
    reviewed = (_REVIEW,) if seat.reviews else ()
    managed = (_DATA, _MEMBERS, *_MODELS) if seat.manages else ()
    return (*_FOR_MEMBERS, *reviewed, *managed, _HELP)


def init_app(app: Flask) -> None:
    """Make `places`, `own_projects` and the addresses of projects available in every template."""
    app.jinja_env.globals.update(places=places, own_projects=own_projects, project_address=project_path.address)
