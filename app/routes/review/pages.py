"""The page Review: what people disagreed on or flagged, and one case after the other to decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from msgspec import UNSET

from app.access import user_id
from app.api.payload import row_id
from app.context import mellow
from app.db import ReviewState, Verdict
from app.domain_errors import Conflict, DomainError, Invalid, NotFound
from app.extensions import db
from app.schemas.reading import read, read_form
from app.services.desk import judgments, settings
from app.services.prompts import studio_settings
from app.services.review import cases, decisions, looking
from app.services.review.cases import ReviewFilter, ReviewPageQuery
from app.services.review.decision_request import DecisionRequest
from app.services.training import preference_rows
from app.words import N_, gettext

blueprint = Blueprint("review", __name__, url_prefix="/review")

STATES = {
    ReviewState.OPEN: N_("To be decided"),
    ReviewState.SENT_BACK: N_("Waiting for one more opinion"),
    ReviewState.DECIDED: N_("Decided"),
}
VERDICTS = {
    Verdict.CHOSEN: N_("One is best"),
    Verdict.EDITED: N_("Wrote a better text"),
    Verdict.FINE: N_("Already fine"),
    Verdict.TIE: N_("Equally good"),
    Verdict.NONE: N_("None is good"),
    Verdict.SKIPPED: N_("Skipped"),
}


@blueprint.get("")
def page() -> ResponseReturnValue:
    """List the reviews that are meant, the most disagreeing first."""
    session, problem = db.session(), ""
    try:
        query = read_form(ReviewPageQuery, request.args)
    except Invalid as refusal:
        query, problem = ReviewPageQuery(), str(refusal)
    waiting = looking.look(session)
    wanted = ReviewFilter.of(query)
    shown = render_template(
        "review/list.html",
        page=cases.page(session, wanted, query.after),
        wanted=wanted,
        later=query.after is not None,
        numbers=cases.numbers(session),
        waiting=waiting,
        problem=problem,
        states={state: gettext(label) for state, label in STATES.items()},
        people=preference_rows.people(session),
        sources=preference_rows.sources(session),
        **_look(),
    )
    return shown, 422 if problem else 200


@blueprint.get("/<int:review_id>")
def case(review_id: int) -> ResponseReturnValue:
    """Show one case: its texts, what people said, and the ways to decide it."""
    return _case(review_id)


@blueprint.post("/<int:review_id>/decision")
def decide(review_id: int) -> ResponseReturnValue:
    """Decide a case, and go on to the next one."""
    form = request.form
    try:
        said = read(DecisionRequest, _body(form)).normalized(mellow().longest_text)
        decisions.decide(db.session(), user_id(), review_id, said)
    except NotFound:
        raise
    except Conflict as refusal:
        flash(str(refusal), "warning")
        return redirect(url_for("review.case", review_id=review_id, **_kept()))
    except DomainError as refusal:
        return _case(review_id, str(refusal), form), refusal.status
    mellow().background.judged()
    return _next(review_id)


@blueprint.post("/<int:review_id>/undo")
def undo(review_id: int) -> ResponseReturnValue:
    """Take a decision back, and show its case."""
    decisions.undo(db.session(), user_id(), review_id)
    mellow().background.judged()
    flash(gettext("Taken back: what people said counts again."), "success")
    return redirect(url_for("review.case", review_id=review_id, **_kept()))


@blueprint.post("/<int:review_id>/send-back")
def send_back(review_id: int) -> ResponseReturnValue:
    """Ask for one more opinion, and go on to the next case."""
    try:
        decisions.send_back(db.session(), user_id(), review_id)
    except Conflict as refusal:
        flash(str(refusal), "warning")
        return redirect(url_for("review.case", review_id=review_id, **_kept()))
    return _next(review_id)


@blueprint.post("/<int:review_id>/call-back")
def call_back(review_id: int) -> ResponseReturnValue:
    """Ask for no more opinion, and show the case."""
    decisions.call_back(db.session(), user_id(), review_id)
    flash(gettext("Nobody is asked for one more opinion."), "success")
    return redirect(url_for("review.case", review_id=review_id, **_kept()))


def _case(review_id: int, problem: str = "", typed: Mapping[str, str] | None = None) -> str:
    session = db.session()
    wanted = _wanted()
    last = row_id(request.args.get("last"))
    return render_template(
        "review/case.html",
        case=cases.case(session, review_id),
        last=_last(last) if last is not None and last != review_id else None,
        later=cases.following(session, wanted, review_id),
        number=cases.numbers(session).get(ReviewState.OPEN, 0),
        wanted=wanted,
        verdicts={verdict: gettext(label) for verdict, label in VERDICTS.items()},
        longest=mellow().longest_text,
        longest_reason=judgments.LONGEST_REASON,
        problem=problem,
        typed=typed or {},
        **_look(),
    )


def _last(review_id: int) -> cases.Case | None:
    """Return the case that was decided or sent back just now, if that still holds."""
    try:
        found = cases.case(db.session(), review_id)
    except NotFound:
        return None
    return found if found.review.state in (ReviewState.DECIDED, ReviewState.SENT_BACK) else None


def _next(review_id: int) -> ResponseReturnValue:
    """Go on to the case that stands after this one, or to the list if none is left."""
    found = cases.following(db.session(), _wanted(), review_id)
    if found is None or found == review_id:
        flash(gettext("Nothing more is to be decided here."), "success")
        return redirect(url_for("review.page", **_kept()))
    return redirect(url_for("review.case", review_id=found, **(_kept() | {"last": review_id})))


def _wanted() -> ReviewFilter:
    """Return the filter of the list that led to a case; a case that is gone from it has a next one all the same."""
    try:
        return ReviewFilter.of(read_form(ReviewPageQuery, request.args))
    except Invalid:
        return ReviewFilter()


def _kept() -> dict[str, Any]:
    """Return the parameters that go from case to case."""
    return _wanted().as_query() | ({"names": "yes"} if _names() else {})


def _names() -> bool:
    return request.args.get("names") == "yes"


def _look() -> dict[str, Any]:
    """Return what every page of the review is shown with: names or none, and whether texts are blurred at first."""
    session = db.session()
    own = settings.read(session, user_id())
    return {"names": _names(), "kept": _kept(), "blur": own.hides_texts(studio_settings.settings(session).blur)}


def _body(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the decision that a form makes, as the API would be sent it."""
    verdict, _, number = form.get("said", "").partition(":")
    body: dict[str, Any] = {"verdict": verdict, "reason": form.get("reason", "").strip() or UNSET}
    if verdict == Verdict.CHOSEN:
        body["candidate_id"] = row_id(number) or UNSET
    if verdict == Verdict.EDITED:
        body["edited_text"] = form.get("edited_text", "").replace("\r\n", "\n")  # browsers send line ends as CRLF
    return {name: value for name, value in body.items() if value is not UNSET}
