"""The API of one's own desk: who one is, how one likes it, how much one has done; and the guidelines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.payload import json_object
from app.db import User
from app.errors import Invalid
from app.extensions import db
from app.services.desk import guidelines, pace
from app.services.desk import settings as desk_settings
from app.services.prompts import policy

blueprint = Blueprint("api_me", __name__)


@blueprint.get("/me")
def me() -> ResponseReturnValue:
    """Oneself."""
    return _me()


@blueprint.patch("/me")
def change_me() -> ResponseReturnValue:
    """Change settings of one's own desk; those that are not sent stay."""
    body = json_object()
    settings = body.pop("settings", None)
    if body:
        raise Invalid(f"{min(body)!r} cannot be changed here.")
    if not isinstance(settings, dict):
        raise Invalid("Send settings: an object of the settings to change.")
    desk_settings.change(db.session(), user_id(), settings)
    return _me()


@blueprint.get("/guidelines")
def read_guidelines() -> ResponseReturnValue:
    """The guidelines as they are now."""
    markdown = policy.settings(db.session()).guidelines
    return {"markdown": markdown, "html": guidelines.to_html(markdown)}


@blueprint.post("/guidelines/preview")
def preview_guidelines() -> ResponseReturnValue:
    """Markdown as it would look; nothing is stored."""
    markdown = json_object().get("markdown")
    if not isinstance(markdown, str) or len(markdown) > policy.MOST_TEXT:
        raise Invalid(f"markdown must be a text of at most {policy.MOST_TEXT} characters.")
    return {"markdown": markdown, "html": guidelines.to_html(markdown)}


def _me() -> dict[str, Any]:
    session = db.session()
    user = session.get_one(User, user_id())
    settings = desk_settings.of(user)
    tally = pace.today(session, user.id, settings.zone)
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "settings": desk_settings.as_json(settings),
        "today": {"judged": tally.judged, "seconds": tally.seconds, "per_minute": tally.per_minute},
        "sitting": asdict(pace.sitting(session, user.id)),
        "streak_days": pace.streak(session, user.id, settings.zone),
    }
