"""The annotator's API: draw a screen, judge it, undo."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from msgspec import UNSET

from app.access import user_id
from app.api.desk import Generation, GenerationRequest
from app.api.kinds import Id
from app.api.operations import JSON, Answer, gives, operation
from app.api.payload import generation_json
from app.context import mellow
from app.db import Generation as Drawn
from app.db import Verdict
from app.domain_errors import Invalid
from app.extensions import db
from app.routes.desk.stream import MEDIA, streamed
from app.runtime.client import watched
from app.services.desk import judgments, screens
from app.services.desk.answering import Tell, tell_nobody
from app.services.desk.judgment_request import JudgmentRequest
from app.services.prompts import prompts
from app.words import gettext
from models.serving.screen import Gone

blueprint = Blueprint("api_annotate", __name__)


@blueprint.post("/generations")
@operation(
    "Draw rewrites of a text, or of the next prompt in the queue; in a project that answers, answers to it. With "
    "Accept: text/event-stream these are streamed while they are written: begun, piece, again, and last one of screen, "
    "nothing, problem",
    Answer(201, "The screen, in the order to show it.", Generation),
    Answer(200, "The answers while they are written, of a project that answers.", str, (MEDIA,)),
    gives("The queue holds nothing for this person.", status=204),
    body=GenerationRequest,
    refusals=(408, 429, 503),
)
def create_generation(body: GenerationRequest) -> ResponseReturnValue:
    """A screen for a text of one's own (`text`) or for the next of the queue (`from`: `queue`)."""
    gone, answers = watched(request.environ), current_user.seat.answers
    draws = mellow().draws_here

    def work(gone: Gone, tell: Tell) -> dict[str, Any] | None:
        with draws.one(user_id(), gone):
            screen = _draw(body, gone, tell)
        return None if screen is None else generation_json(*screen, answers=answers)

    if answers and request.accept_mimetypes.best_match((JSON, MEDIA)) == MEDIA:
        return streamed(work, gone)
    screen = work(gone, tell_nobody)
    return ("", 204) if screen is None else (screen, 201)


def _draw(body: GenerationRequest, gone: Gone, tell: Tell) -> tuple[Drawn, bool] | None:
    """Return a screen and whether the model ran out of different cards, or None if the queue holds nothing."""
    parts, person = mellow(), user_id()
    session = db.session()
    text = None if body.text is UNSET else prompts.check_text(body.text, parts.longest_text)
    turns = _turns(body)
    generator = parts.generator()
    chooser, beside = parts.chooser(session, generator), parts.beside(session, generator)
    if text is None:
        shown = body.shown or []
        return screens.next_screen(session, generator, person, parts.sampling, shown, chooser, gone, beside, tell)
    return screens.generate(
        session, generator, person, text, parts.sampling, chooser, gone=gone, beside=beside, turns=turns, tell=tell
    )


def _turns(body: GenerationRequest) -> list[dict[str, str]]:
    """Return the turns before the text; raises Invalid where there can be none."""
    turns = body.turns or []
    if turns and not current_user.seat.answers:
        raise Invalid(gettext("Only a project that answers takes turns before a text."))
    return [{"role": turn.role, "content": prompts.check_text(turn.content, mellow().longest_text)} for turn in turns]


@blueprint.post("/judgments")
@operation(
    f"Say what is best on one's own screen: {', '.join(Verdict)}",
    gives("Stored; saying the same again yields the same id.", Id, status=201),
    body=JudgmentRequest,
    refusals=(404, 409),
)
def create_judgment(body: JudgmentRequest) -> ResponseReturnValue:
    """A verdict on one's own screen; sending the same twice is one judgment."""
    sent = body.normalized(mellow().longest_text)
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
