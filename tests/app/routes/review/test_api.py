from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import Judgment, Prompt, Review
from tests.app.services.review.conftest import TEXTS, Disputed
from tests.studio import Person, rows


def test_a_review_is_found_decided_and_taken_back(admin: Person, session: Session, review: Review) -> None:
    listed = admin.call("GET", "/reviews").json
    assert listed is not None
    (found,) = listed["reviews"]
    assert (found["state"], found["people"], found["disagreement"], listed["waiting"]) == ("open", 2, 1.0, 0)
    cards = {card["text"]: card["id"] for card in found["candidates"]}
    assert [one["best"] for one in found["opinions"]] == [[cards[TEXTS[0]]], [cards[TEXTS[1]]]]
    path = f"/reviews/{review.id}/decision"
    said = {"verdict": "chosen", "candidate_id": cards[TEXTS[1]], "reason": "It keeps the meaning."}
    stored = admin.post(path, said)
    assert stored.status_code == 201
    assert admin.post(path, said).json == stored.json
    decided = admin.call("GET", f"/reviews/{review.id}").json
    assert decided is not None
    decision = decided["decision"]
    assert (decided["state"], decision["best"], decision["reason"]) == ("decided", [cards[TEXTS[1]]], said["reason"])
    assert decision["person"]["id"] == admin.id
    judgments = admin.call("GET", "/judgments").json
    assert judgments is not None
    kinds = [(one["kind"], one["decided_by"]) for one in judgments["judgments"]]
    assert kinds == [("decision", None), ("opinion", decision["judgment_id"]), ("opinion", decision["judgment_id"])]
    assert admin.call("DELETE", path).status_code == 204
    assert admin.call("DELETE", path).status_code == 204
    assert [one.undone_at is None for one in rows(session, Judgment)] == [True, True, False]


def test_one_more_opinion_is_asked_for_and_called_back(admin: Person, session: Session, review: Review) -> None:
    path = f"/reviews/{review.id}/one-more-opinion"
    assert admin.call("PUT", path).status_code == 204
    assert rows(session, Prompt)[0].queued
    waiting = admin.call("GET", "/reviews?state=sent_back").json
    assert waiting is not None
    assert [one["id"] for one in waiting["reviews"]] == [review.id]
    assert admin.call("DELETE", path).status_code == 204
    assert not rows(session, Prompt)[0].queued


def test_pages_follow_each_other_and_filters_are_checked(admin: Person, disputed: Disputed) -> None:
    ids = [disputed.review(TEXTS[0], TEXTS[1]).id for _ in range(3)]
    first = admin.call("GET", "/reviews?limit=2").json
    assert first is not None
    second = admin.call("GET", f"/reviews?limit=2&after={first['after']}").json
    assert second is not None
    assert [one["id"] for one in (*first["reviews"], *second["reviews"])] == ids[::-1]
    assert second["after"] is None
    refused = admin.call("GET", "/reviews?state=perhaps")
    assert (refused.status_code, refused.json and refused.json["detail"]) == (
        422,
        "state must be open, sent_back or decided.",
    )


def test_refusals_are_sentences(admin: Person, review: Review) -> None:
    path = f"/reviews/{review.id}/decision"
    skipped = admin.post(path, {"verdict": "skipped"})
    assert skipped.status_code == 422
    assert admin.post("/reviews/99/decision", {"verdict": "none"}).status_code == 404
    assert admin.post(path, {"verdict": "none"}).status_code == 201
    other = admin.post(path, {"verdict": "fine"})
    assert other.status_code == 409
    assert other.json is not None
    assert other.json["detail"] == "This was decided already: take that decision back first."
    assert admin.call("PUT", f"/reviews/{review.id}/one-more-opinion").status_code == 409


def test_annotators_may_not_review(annotator: Person, review: Review) -> None:
    refused = annotator.call("GET", f"/reviews/{review.id}")
    assert refused.status_code == 403
    assert refused.json is not None
    assert refused.json["detail"] == "This is for those who review."
