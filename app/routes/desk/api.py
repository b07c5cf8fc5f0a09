"""The annotator's API: draw a screen, judge it, undo."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.payload import LARGEST_ID, generation_json, json_object
from app.context import mellow
from app.errors import Invalid
from app.extensions import db
from app.services.desk import judgments, screens
from app.services.prompts import prompts

blueprint = Blueprint("api_annotate", __name__)


@blueprint.post("/generations")
def create_generation() -> ResponseReturnValue:
    """A screen for a text of one's own (`text`) or for the next of the queue (`from`: `queue`)."""
    body = json_object()
    parts = mellow()
    session = db.session()
    if body.get("from") == "queue" and "text" not in body:
        shown = body.get("shown", [])
        if not isinstance(shown, list) or len(shown) > 100 or not all(map(_is_id, shown)):
            raise Invalid("shown must be a list of at most 100 generation ids.")
        generator = parts.generator()
        chooser = parts.chooser(session, generator)
        screen = screens.next_screen(session, generator, user_id(), parts.sampling, shown, chooser)
        if screen is None:
            return "", 204
    else:
        text = prompts.check_text(body.get("text"), parts.settings.max_text_length)
        generator = parts.generator()
        chooser = parts.chooser(session, generator)
        screen = screens.generate(session, generator, user_id(), text, parts.sampling, chooser)
    return generation_json(*screen), 201


@blueprint.post("/judgments")
def create_judgment() -> ResponseReturnValue:
    """A verdict on one's own screen; sending the same twice is one judgment."""
    gesture = judgments.Gesture.parse(json_object(), mellow().settings.max_text_length)
    number = judgments.judge(db.session(), user_id(), gesture)
    mellow().background.judged()
    return {"id": number}, 201


@blueprint.delete("/judgments/<int:judgment_id>")
def undo_judgment(judgment_id: int) -> ResponseReturnValue:
    """Undo one's own judgment."""
    judgments.undo(db.session(), user_id(), judgment_id)
    mellow().background.judged()
    return "", 204


def _is_id(value: object) -> bool:
    return type(value) is int and 0 < value <= LARGEST_ID
