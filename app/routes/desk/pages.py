"""The page of the desk."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from app.access import user_id
from app.context import mellow
from app.db import now
from app.extensions import db
from app.services.desk import judgments, pace, settings
from app.services.desk.judgment_request import LONGEST_COMMENT
from app.services.prompts import queue, samples, studio_settings
from app.words import N_
from models.serving.generator import CANDIDATES

blueprint = Blueprint("annotate", __name__)

SKIP_REASONS = (
    N_("Not English"),
    N_("I cannot judge this"),
    N_("It makes no sense"),
    N_("I would rather not read this"),
)
_HARM = (N_("A threat or self-harm"), N_("Somebody's private data"))
FLAG_REASONS = (*_HARM, N_("The rewrites are broken"))
FLAG_REASONS_OF_ANSWERS = (*_HARM, N_("The answers are broken"))

_QUESTION_SCRIPTS = ("question", "comment", "kept", "ranking", "remarks")
_CHAT_SCRIPTS = ("chat", "conversation", "folds", "followup", "live", "sentences", "stream")


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """Redirect to the desk."""
    return redirect(url_for("annotate.page"))


@blueprint.get("/annotate")
def page() -> ResponseReturnValue:
    """Show the page where texts are typed and rewrites or answers chosen; its script uses the API."""
    answers = current_user.seat.answers
    return render_template(
        "desk/annotate.html",
        longest=mellow().longest_text,
        longest_reason=judgments.LONGEST_REASON,
        longest_comment=LONGEST_COMMENT,
        answers=answers,
        question_scripts=[f"desk/question/{name}" for name in _QUESTION_SCRIPTS],
        chat_scripts=[f"desk/chat/{name}" for name in _CHAT_SCRIPTS],
        candidates=range(1, CANDIDATES + 1),
        reasons={"skip": SKIP_REASONS, "flag": FLAG_REASONS_OF_ANSWERS if answers else FLAG_REASONS},
        not_english=SKIP_REASONS[0],
        examples=samples.examples(db.session()),
        **_desk(db.session(), user_id()),
    )


def _desk(session: Session, person: int) -> dict[str, Any]:
    """Return the values that the person's desk begins with: settings, guidelines, pace.

    Answers are neither blurred, nor is anybody told of the language of what they answer.
    """
    answers = current_user.seat.answers
    own, everybody = settings.read(session, person), studio_settings.settings(session)
    at = now()
    today = pace.today(session, person, own.zone, at)
    return {
        "own": own,
        "asked": everybody,
        "only_english": everybody.only_english and not answers,
        "blurred": own.hides_texts(everybody.blur) and not answers,
        "break_minutes": everybody.break_minutes,
        "today": today,
        "left": queue.left(session, person, everybody),
        "assigned": queue.assigned(session, person, everybody),
        "most_left": queue.MOST_LEFT,
        "sitting": pace.sitting(session, person, at),
        "sitting_pause": pace.SITTING_GAP // timedelta(minutes=1),
        "streak_days": pace.streak(session, person, own.zone, at),
    }
