"""The reviewer's API: find what people disagreed on, decide it, take a decision back, ask for one more opinion."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.desk import ReviewedScreen, ReviewPage
from app.api.kinds import Id
from app.api.operations import gives, operation
from app.context import mellow
from app.extensions import db
from app.services.review import cases, decisions, looking
from app.services.review.cases import Case, Opinion, ReviewFilter, ReviewPageQuery
from app.services.review.decision_request import DecisionRequest

blueprint = Blueprint("api_reviews", __name__)


@blueprint.get("/reviews")
@operation(
    "What several people judged differently, or somebody flagged, the most disagreeing first",
    gives("Reviews; send `after` for those after them.", ReviewPage),
    query=ReviewPageQuery,
)
def list_reviews(query: ReviewPageQuery) -> ResponseReturnValue:
    """Reviews that a filter finds."""
    session = db.session()
    waiting = looking.look(session)
    found = cases.page(session, ReviewFilter.of(query), query.after, query.limit or cases.PAGE)
    return {"reviews": [_as_json(one) for one in found.cases], "after": found.after, "waiting": waiting}


@blueprint.get("/reviews/<int:review_id>")
@operation("One review", gives("The review.", ReviewedScreen))
def read_review(review_id: int) -> ResponseReturnValue:
    """One review with all that people said."""
    return _as_json(cases.case(db.session(), review_id))


@blueprint.post("/reviews/<int:review_id>/decision")
@operation(
    "Decide a review; the decision is a judgment of its own, which counts instead of those that it decides",
    gives("Stored; deciding the same again yields the same id.", Id, status=201),
    body=DecisionRequest,
    refusals=(409,),
)
def decide(review_id: int, body: DecisionRequest) -> ResponseReturnValue:
    """Decide a review."""
    said = body.normalized(mellow().longest_text)
    number = decisions.decide(db.session(), user_id(), review_id, said)
    mellow().background.judged()
    return {"id": number}, 201


@blueprint.delete("/reviews/<int:review_id>/decision")
@operation("Take the decision of a review back: what it decided counts again", gives("Taken back.", status=204))
def undo(review_id: int) -> ResponseReturnValue:
    """Take a decision back, whoever made it."""
    decisions.undo(db.session(), user_id(), review_id)
    mellow().background.judged()
    return "", 204


@blueprint.put("/reviews/<int:review_id>/one-more-opinion")
@operation(
    "Send a screen back to the queue for one more opinion",
    gives("Sent back; the review is open again as soon as somebody has judged it.", status=204),
    refusals=(409,),
)
def send_back(review_id: int) -> ResponseReturnValue:
    """Ask for one more opinion."""
    decisions.send_back(db.session(), user_id(), review_id)
    return "", 204


@blueprint.delete("/reviews/<int:review_id>/one-more-opinion")
@operation("Take back that one more opinion was asked for", gives("The review is open.", status=204))
def call_back(review_id: int) -> ResponseReturnValue:
    """Ask for no more opinion."""
    decisions.call_back(db.session(), user_id(), review_id)
    return "", 204


def _as_json(case: Case) -> dict[str, Any]:
    review, prompt = case.review, case.screen.prompt
    return {
        "id": review.id,
        "state": review.state,
        "prompt": {"id": prompt.id, "text": prompt.text, "source": prompt.source},
        "candidates": [{"id": card.id, "text": card.text} for card in case.screen.candidates],
        "people": review.people,
        "disagreement": review.disagreement,
        "flags": review.flags,
        "opinions": [_opinion(case, one) for one in case.opinions],
        "decision": _opinion(case, case.decision) if case.decision else None,
    }


def _opinion(case: Case, one: Opinion) -> dict[str, Any]:
    said = one.judgment
    return {
        "judgment_id": said.id,
        "person": {"id": said.user_id, "name": one.person},
        "verdict": said.verdict,
        "best": [case.screen.candidates[place - 1].id for place in one.best],
        "edited_text": said.edited_text,
        "reason": said.reason,
        "flagged": said.flagged,
        "created_at": said.created_at.isoformat(),
    }
