"""The admin page of the guidelines and the studio's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.access import user_id
from app.domain_errors import Conflict, DomainError, Invalid
from app.extensions import db
from app.services.desk import guidelines
from app.services.prompts import studio_settings
from app.words import N_, gettext
from models.formats.annotations import MOST_TAGS

blueprint = Blueprint("guidelines", __name__, url_prefix="/admin/guidelines")

_NUMBERS = {
    "overlap": N_("How many people judge a prompt"),
    "most_skips": N_("How many people may skip a prompt before it is served to nobody else"),
    "gold_every": N_("One attention check in how many screens"),
    "break_minutes": N_("Minutes of work before a break is suggested"),
}
_OF_ANSWERS = {"answer_tokens": N_("Tokens of an answer at most")}
_SWITCHES = ("blur", "only_english", "ask_rating", "ask_comment")
QUESTIONS = {
    studio_settings.BEST_OF_THREE: N_("Which of three rewrites is the best?"),
    studio_settings.BEST_OF_TWO: N_("Which of two rewrites is the better one?"),
    studio_settings.RANKING: N_("In which order are three rewrites good?"),
}


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show the guidelines, with a live preview, and the settings."""
    now = studio_settings.settings(db.session())
    values: dict[str, Any] = {name: getattr(now, name) for name in (*_numbers(), *_SWITCHES)}
    values |= {"guidelines": now.guidelines, "system_message": now.system_message}
    values |= {"question": now.question, "tags": "\n".join(now.tags)}
    return _page(values, guidelines.digest(now.guidelines))


@blueprint.post("")
def save() -> ResponseReturnValue:
    """Store guidelines and settings; what was typed stays on the page if it cannot be stored."""
    form = request.form
    texts = ("guidelines", "question", "tags", *(("system_message",) if current_user.seat.answers else ()))
    typed: dict[str, Any] = {name: form.get(name, "") for name in (*_numbers(), *texts)}
    typed |= {name: form.get(name) == "yes" for name in _SWITCHES}
    typed |= {name: typed[name].replace("\r\n", "\n") for name in texts}
    seen = form.get("seen", "")
    try:
        _refuse_to_overwrite(seen, typed["guidelines"])
        values = {**typed, **{name: _number(name, form) for name in _numbers()}, "tags": _lines(typed["tags"])}
        studio_settings.change(db.session(), user_id(), values)
    except DomainError as refusal:
        if isinstance(refusal, Conflict):
            seen = guidelines.digest(studio_settings.settings(db.session()).guidelines)
        return _page(typed, seen, str(refusal)), refusal.status
    flash(gettext("Saved. Everybody sees it from now on."), "success")
    return redirect(url_for("guidelines.page"))


def _page(values: Mapping[str, Any], seen: str, problem: str | None = None) -> str:
    return render_template(
        "desk/guidelines_page.html",
        values=values,
        questions={name: gettext(label) for name, label in QUESTIONS.items()},
        most_tags=MOST_TAGS,
        most_system=studio_settings.MOST_SYSTEM,
        seen=seen,
        problem=problem,
        preview=guidelines.to_html(values["guidelines"][: studio_settings.MOST_TEXT]),
    )


def _refuse_to_overwrite(seen: str, text: str) -> None:
    """Raise Conflict if the guidelines were changed since the page was opened."""
    now = studio_settings.settings(db.session()).guidelines
    if now != text and guidelines.digest(now) != seen:
        raise Conflict(
            gettext(
                "Somebody else has changed the guidelines meanwhile. Yours are still here: save again to put them in "
                "the place of theirs."
            )
        )


def _numbers() -> dict[str, str]:
    """Return the numbers that are set, with their labels."""
    return {**_NUMBERS, **(_OF_ANSWERS if current_user.seat.answers else {})}


def _number(name: str, form: Mapping[str, str]) -> int:
    try:
        return int(form.get(name, ""))
    except ValueError:
        raise Invalid(gettext("“%(name)s” needs a whole number.", name=gettext(_numbers()[name]))) from None


def _lines(text: str) -> list[str]:
    """Return the lines of a text that hold something, without white space around it."""
    return [line.strip() for line in text.splitlines() if line.strip()]
