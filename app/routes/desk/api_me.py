"""The API of one's own desk: who one is, how one likes it, how much one has done; and the guidelines."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.desk import Guidelines, GuidelinesPreview, Me, MeChange
from app.api.operations import gives, operation
from app.db import User
from app.extensions import db
from app.services.desk import guidelines, pace
from app.services.desk import settings as desk_settings
from app.services.prompts import studio_settings

blueprint = Blueprint("api_me", __name__)


@blueprint.get("/me")
@operation("Who one is, the settings of one's desk, and today's work", gives("Oneself.", Me))
def me() -> ResponseReturnValue:
    """Oneself."""
    return _me()


@blueprint.patch("/me")
@operation("Change settings of one's own desk", gives("Oneself, as changed.", Me), body=MeChange)
def change_me(body: MeChange) -> ResponseReturnValue:
    """Change settings of one's own desk; those that are not sent stay."""
    desk_settings.change(db.session(), user_id(), msgspec.to_builtins(body.settings))
    return _me()


@blueprint.get("/guidelines")
@operation("What makes a good rewrite", gives("The guidelines.", Guidelines))
def read_guidelines() -> ResponseReturnValue:
    """The guidelines as they are now."""
    markdown = studio_settings.settings(db.session()).guidelines
    return {"markdown": markdown, "html": guidelines.to_html(markdown)}


@blueprint.post("/guidelines/preview")
@operation(
    "Markdown as the guidelines would show it; nothing is stored",
    gives("What it looks like.", Guidelines),
    body=GuidelinesPreview,
)
def preview_guidelines(body: GuidelinesPreview) -> ResponseReturnValue:
    """Markdown as it would look; nothing is stored."""
    return {"markdown": body.markdown, "html": guidelines.to_html(body.markdown)}


def _me() -> dict[str, Any]:
    session = db.session()
    user = session.get_one(User, user_id())
    settings = desk_settings.of(user)
    tally = pace.today(session, user.id, settings.zone)
    sitting = pace.sitting(session, user.id)
    studio = studio_settings.settings(session)
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "settings": desk_settings.as_json(settings),
        "today": {"judged": tally.judged, "seconds": tally.seconds, "per_minute": tally.per_minute},
        "sitting": {"judged": sitting.judged, "minutes": sitting.minutes},
        "streak_days": pace.streak(session, user.id, settings.zone),
        "asked": {
            "question": studio.question,
            "rating": studio.ask_rating,
            "tags": list(studio.tags),
            "comment": studio.ask_comment,
        },
    }
