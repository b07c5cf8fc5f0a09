"""The page My work: one's own judgments, to search, undo, restore and change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from app.access import user_id
from app.api.payload import row_id
from app.context import mellow
from app.db import Judgment, Verdict
from app.domain_errors import DomainError, Invalid, NotFound
from app.extensions import db
from app.routes.desk import changed_judgment
from app.routes.desk.pages import FLAG_REASONS, FLAG_REASONS_OF_ANSWERS, SKIP_REASONS
from app.services.desk import judgments, own_judgments, pace
from app.services.desk import settings as desk_settings
from app.services.desk.judgment_request import JudgmentRequest
from app.services.exchange.outgoing import hours
from app.services.prompts import studio_settings
from app.services.prompts.assigning import listing
from app.words import N_, gettext

blueprint = Blueprint("work", __name__, url_prefix="/work")

VERDICTS = {
    Verdict.CHOSEN: N_("One is best"),
    Verdict.TIE: N_("A tie"),
    Verdict.NONE: N_("None is good"),
    Verdict.EDITED: N_("My own text"),
    Verdict.FINE: N_("Already fine"),
    Verdict.SKIPPED: N_("Skipped"),
    own_judgments.FLAGGED: N_("Flagged"),
}


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show one's own judgments, the newest first, with counts and the pace."""
    try:
        filters, below = own_judgments.Filters.parse(request.args), _below()
    except Invalid as refusal:
        return _page(own_judgments.Filters(), None, problem=str(refusal)), refusal.status
    return _page(filters, below)


@blueprint.post("/<int:judgment_id>/undo")
def undo(judgment_id: int) -> ResponseReturnValue:
    """Undo a judgment."""
    judgments.undo(db.session(), user_id(), judgment_id)
    mellow().background.judged()
    sentence = Markup(  # noqa: S704 - a constant of ours, and its translation
        gettext('Undone: it no longer counts. It is kept <a href="%(address)s">among what is undone</a>.')
    )
    flash(sentence % {"address": url_for("work.page", state="undone")}, "success")
    return _back(judgment_id)


@blueprint.post("/<int:judgment_id>/redo")
def redo(judgment_id: int) -> ResponseReturnValue:
    """Make an undone judgment again, in place of the standing one on the same screen, if any."""
    judgment = own_judgments.own(db.session(), user_id(), judgment_id)
    if judgment.undone_at is None:
        flash(gettext("It counts already."), "success")
        return _back(judgment_id)
    return _judge_again(judgment_id, own_judgments.same_again(judgment), gettext("It counts again."), judgment)


@blueprint.post("/<int:judgment_id>/change")
def change(judgment_id: int) -> ResponseReturnValue:
    """Replace a judgment by another one on the same screen."""
    judgment = own_judgments.own(db.session(), user_id(), judgment_id)
    return _judge_again(judgment_id, changed_judgment.body_of_form(request.form, judgment), gettext("Changed."))


def _judge_again(
    judgment_id: int, body: dict[str, Any], done: str, again: Judgment | None = None
) -> ResponseReturnValue:
    try:
        sent = JudgmentRequest.parse(body, mellow().longest_text)
        standing = judgments.judge_again(db.session(), user_id(), sent, again)
    except NotFound:
        raise
    except DomainError as refusal:
        # What was typed stays on the page.
        filters, below = own_judgments.Filters.parse(request.args), _below()
        return _page(filters, below, refused=(judgment_id, str(refusal))), refusal.status
    mellow().background.judged()
    flash(done, "success")
    return _back(standing)


def _page(
    filters: own_judgments.Filters,
    below: int | None,
    problem: str | None = None,
    refused: tuple[int, str] | None = None,
) -> str:
    session, person = db.session(), user_id()
    settings, asked = desk_settings.read(session, person), studio_settings.settings(session)
    found = own_judgments.page(session, person, filters, settings.zone, below)
    return render_template(
        "desk/work.html",
        page=found,
        superseded=own_judgments.superseded(session, person, found.judgments),
        decisions=own_judgments.decisions(session, found.judgments),
        filters=filters,
        query={**filters.as_query(), **({"below": below} if below else {})},
        problem=problem,
        refused=refused,
        here=request.args.get("here"),  # scripts cannot read the fragment of a redirect
        typed=request.form,
        verdicts={name: gettext(label) for name, label in VERDICTS.items()},
        states={name: gettext(label) for name, label in own_judgments.STATES.items()},
        known_reasons={reason: gettext(reason) for reason in SKIP_REASONS + FLAG_REASONS + FLAG_REASONS_OF_ANSWERS},
        zone=settings.zone,
        asked=asked,
        blur=settings.hides_texts(asked.blur),
        today=pace.today(session, person, settings.zone),
        sitting=pace.sitting(session, person),
        streak=pace.streak(session, person, settings.zone),
        total=pace.total(session, person),
        days=pace.chart(session, person, settings.zone),
        longest=mellow().longest_text,
        assigned=listing.own(session, person),
        hours_days=hours.usual_days(settings.zone),
        hours_formats=hours.FORMATS,
    )


def _back(judgment_id: int) -> ResponseReturnValue:
    filters = own_judgments.Filters.parse(request.args)
    below = _below()
    query: Mapping[str, Any] = {**filters.as_query(), **({"below": below} if below else {})}
    return redirect(url_for("work.page", **query, here=judgment_id, _anchor=f"judgment-{judgment_id}"))


def _below() -> int | None:
    value = request.args.get("below", "")
    if not value:
        return None
    number = row_id(value)
    if not number:
        raise Invalid(gettext("below must be the number of a judgment."))
    return number
