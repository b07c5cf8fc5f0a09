from __future__ import annotations

import re

from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Review, User
from tests.app.services.review.conftest import TEXTS, Disputed
from tests.studio import Person, rows


def card(session: Session, review: Review, text: str) -> str:
    """What the button of a card sends."""
    cards = session.get_one(Generation, review.generation_id).candidates
    return f"chosen:{next(one.id for one in cards if one.text == text)}"


def test_the_list_leads_to_the_cases_and_says_when_there_are_none(admin: Person, disputed: Disputed) -> None:
    browser = admin.browser()
    assert "Nothing is to be decided" in browser.get("/review").text
    review = disputed.review(TEXTS[0], TEXTS[1])
    page = browser.get("/review").text
    assert f'href="/review/{review.id}"' in page
    assert "2 people, 100 % of the pairs disagree" in page
    assert "To be decided (1)" in page
    assert "Nothing fits." in browser.get("/review?state=decided").text
    assert browser.get("/review?person=x").status_code == 422


def test_deciding_leads_to_the_next_case_from_which_it_can_be_undone(
    admin: Person, session: Session, disputed: Disputed
) -> None:
    next_one, first = (disputed.review(TEXTS[0], TEXTS[1]) for _ in range(2))
    browser, path = admin.browser(), f"/review/{first.id}"
    form = {"said": card(session, first, TEXTS[1]), "reason": "Kinder."}
    gone_on = browser.submit(f"{path}/decision", form, page=path)
    assert gone_on.headers["Location"] == f"/review/{next_one.id}?last={first.id}"
    page = browser.get(gone_on.headers["Location"]).text
    assert "Decided just now: 2 is best." in page
    assert f'action="/review/{first.id}/undo"' in page
    decided = browser.get(path).text
    assert "Kinder." in decided
    assert "disabled" in decided
    assert browser.submit(f"{path}/undo", {}, page=path).headers["Location"] == path
    assert [one.undone_at is None for one in rows(session, Judgment) if one.decision] == [False]
    last = browser.submit(f"/review/{next_one.id}/decision", {"said": "none"}, page=path)
    assert last.headers["Location"] == f"/review/{first.id}?last={next_one.id}"
    end = browser.submit(f"{path}/decision", {"said": "fine"}, page=path)
    assert end.headers["Location"] == "/review"


def test_names_are_hidden_until_they_are_asked_for_and_stay_shown(
    admin: Person, annotator: Person, session: Session, review: Review, disputed: Disputed
) -> None:
    session.get_one(User, annotator.id).name = "Ada Lovelace"
    session.commit()
    other = disputed.review(TEXTS[0], None)
    browser, path = admin.browser(), f"/review/{review.id}"
    hidden = browser.get(path).text
    assert "Ada Lovelace" not in hidden
    assert "by 1 person" in hidden
    shown = f"{path}?names=yes"
    assert f'href="{shown}"' in hidden
    assert "Ada Lovelace" in browser.get(shown).text
    gone_on = browser.submit(f"{path}/decision?names=yes", {"said": "none"}, page=shown)
    assert gone_on.headers["Location"] == f"/review/{other.id}?names=yes&last={review.id}"


def test_what_is_refused_leaves_what_was_typed(admin: Person, session: Session, review: Review) -> None:
    browser, path = admin.browser(), f"/review/{review.id}"
    form = {"said": "edited", "edited_text": TEXTS[0], "reason": "Because."}
    refused = browser.submit(f"{path}/decision", form, page=path)
    assert refused.status_code == 422
    assert "one of the rewrites as it stands" in refused.text
    assert re.search(rf'name="edited_text"[^>]*>{TEXTS[0]}</textarea>', refused.text)
    assert 'value="Because."' in refused.text
    assert browser.submit(f"{path}/decision", {"said": ""}, page=path).status_code == 422
    assert len(rows(session, Judgment)) == 2


def test_a_case_that_somebody_else_decided_says_so(admin: Person, review: Review) -> None:
    browser, path = admin.browser(), f"/review/{review.id}"
    assert admin.post(f"/reviews/{review.id}/decision", {"verdict": "none"}).status_code == 201
    answer = browser.submit(f"{path}/decision", {"said": "fine"}, page=path)
    assert answer.headers["Location"] == path
    assert "decided already" in browser.get(path).text


def test_a_case_is_sent_back_and_called_back(admin: Person, session: Session, review: Review) -> None:
    browser, path = admin.browser(), f"/review/{review.id}"
    assert browser.submit(f"{path}/send-back", {}, page=path).headers["Location"] == "/review"
    assert "waits in the queue for one more opinion" in browser.get(path).text
    assert browser.submit(f"{path}/call-back", {}, page=path).headers["Location"] == path
    assert rows(session, Review)[0].state == "open"


def test_the_bar_offers_the_review_to_those_who_may(admin: Person, annotator: Person) -> None:
    assert 'href="/review"' in admin.browser().get("/annotate").text
    assert 'href="/review"' not in annotator.browser().get("/annotate").text
    assert annotator.browser().get("/review").status_code == 403
