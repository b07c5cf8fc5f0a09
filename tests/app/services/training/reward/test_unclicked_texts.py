"""The studio's own texts that nobody clicked."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, now, write_transaction
from app.services.training.reward.unclicked_texts import unclicked_texts
from tests import factories


@pytest.fixture
def person(session: Session) -> int:
    return factories.user(session).id


def test_what_waits_and_what_was_never_judged_is_found(session: Session, person: int) -> None:
    factories.prompt(session, "waits", queued=True)
    factories.generation(session, person, prompt=factories.prompt(session, "was only shown"))
    clicked = factories.generation(session, person, prompt=factories.prompt(session, "was clicked"))
    judged = factories.judgment(session, clicked)
    factories.prompt(session, "a check", queued=True, gold_answer="right")
    factories.prompt(session, "long " * 200, queued=True)
    assert sorted(unclicked_texts(session, 10)) == ["waits", "was only shown"]
    with write_transaction(session):
        session.get_one(Judgment, judged.id).undone_at = now()
    assert len(unclicked_texts(session, 10)) == 3, "a click that was taken back is none"


def test_there_are_no_more_than_asked_for_and_in_an_order_that_stays(session: Session) -> None:
    for number in range(8):
        factories.prompt(session, f"text {number}", queued=True)
    before = unclicked_texts(session, 100)
    assert unclicked_texts(session, 3) == before[:3]
    factories.prompt(session, "another", queued=True)
    assert [text for text in unclicked_texts(session, 100) if text != "another"] == before
    assert unclicked_texts(session, 100, lambda text: text.endswith("7")) == [
        text for text in unclicked_texts(session, 100) if not text.endswith("7")
    ]


def test_only_the_latest_are_looked_at(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        factories.prompt(session, f"text {number}", queued=True)
    monkeypatch.setattr("app.services.training.reward.unclicked_texts._LOOKED_AT", 2)
    assert sorted(unclicked_texts(session, 100)) == ["text 3", "text 4"]
