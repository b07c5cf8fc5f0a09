"""The annotator's API: draw a screen, judge it, undo."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from msgspec import UNSET

from app.access import user_id
from app.api.desk import Generation, GenerationRequest
from app.api.kinds import Id
from app.api.operations import gives, operation
from app.api.payload import generation_json
from app.context import mellow
from app.db import Generation as Drawn
from app.db import Verdict
from app.extensions import db
from app.runtime.client import watched
from app.services.desk import judgments, screens
from app.services.desk.judgment_request import JudgmentRequest
from app.services.prompts import prompts
from models.serving.screen import Gone

blueprint = Blueprint("api_annotate", __name__)


@blueprint.post("/generations")
@operation(
    "Draw rewrites of a text, or of the next prompt in the queue",
    gives("The screen, in the order to show it.", Generation, status=201),
    gives("The queue holds nothing for this person.", status=204),
    body=GenerationRequest,
    refusals=(408, 429, 503),
)
def create_generation(body: GenerationRequest) -> ResponseReturnValue:
    """A screen for a text of one's own (`text`) or for the next of the queue (`from`: `queue`)."""
    gone = watched(request.environ)
    with mellow().draws.one(user_id(), gone):
        screen = _draw(body, gone)
    return ("", 204) if screen is None else (generation_json(*screen), 201)


def _draw(body: GenerationRequest, gone: Gone) -> tuple[Drawn, bool] | None:
    """Return a screen and whether the model ran out of different rewrites, or None if the queue holds nothing."""
    parts = mellow()
    session = db.session()
    text = None if body.text is UNSET else prompts.check_text(body.text, parts.settings.max_text_length)
    generator = parts.generator()
    chooser, beside = parts.chooser(session, generator), parts.beside(session, generator)
    if text is None:
        shown = body.shown or []
        return screens.next_screen(session, generator, user_id(), parts.sampling, shown, chooser, gone, beside)
    return screens.generate(session, generator, user_id(), text, parts.sampling, chooser, gone=gone, beside=beside)


@blueprint.post("/judgments")
@operation(
    f"Say what is best on one's own screen: {', '.join(Verdict)}",
    gives("Stored; saying the same again yields the same id.", Id, status=201),
    body=JudgmentRequest,
    refusals=(404, 409),
)
def create_judgment(body: JudgmentRequest) -> ResponseReturnValue:
    """A verdict on one's own screen; sending the same twice is one judgment."""
    sent = body.normalized(mellow().settings.max_text_length)
    number = judgments.judge(db.session(), user_id(), sent)
    mellow().background.judged()
    return {"id": number}, 201


@blueprint.delete("/judgments/<int:judgment_id>")
@operation("Undo one's own judgment", gives("Undone.", status=204))
def undo_judgment(judgment_id: int) -> ResponseReturnValue:
    """Undo one's own judgment."""
    judgments.undo(db.session(), user_id(), judgment_id)
    mellow().background.judged()
    return "", 204
