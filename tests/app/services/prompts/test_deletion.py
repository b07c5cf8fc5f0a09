"""A prompt goes with everything that was made of it, and all figures are as if it had never been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, create_engine, func, select
from sqlalchemy.orm import Session

from app.db import (
    AuditEvent,
    Generation,
    Judgment,
    Prompt,
    Reservation,
    Verdict,
    now,
    write_transaction,
    write_with_others,
)
from app.domain_errors import Invalid, NotFound
from app.services.desk import judgments
from app.services.desk.judgments import JudgmentRequest
from app.services.people import agreement, statistics
from app.services.prompts import deletion, queue, search, studio_settings
from app.services.prompts.deletion import Gone
from app.services.system import counts, deletions
from tests import factories
from tests.studio import parts, rows


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session on each database in turn."""
    app: Flask = request.getfixturevalue("app" if request.param == "sqlite" else "postgres_app")
    with parts(app).sessions() as session:
        yield session


def delete(session: Session, prompt_id: int) -> Gone:
    return deletion.delete_prompt(session, None, prompt_id, str(prompt_id))


def click(session: Session, person: int, prompt: Prompt) -> Judgment:
    return factories.judgment(session, factories.generation(session, person, prompt=prompt))


def test_all_that_was_made_of_a_prompt_goes_and_what_was_made_of_others_stays(either: Session) -> None:
    ada, bob = factories.user(either).id, factories.user(either).id
    gone, kept = factories.prompt(either), factories.prompt(either)
    for person in (ada, bob):
        click(either, person, gone)
    click(either, ada, kept)
    factories.generation(either, ada, prompt=gone)
    with write_transaction(either):
        either.add(Reservation(prompt_id=gone.id, user_id=ada, until=now()))
    kept_id = kept.id
    assert deletion.preview(either, [gone.id]) == Gone(screens=3, rewrites=9, judgments=2, people=2, pairs=4)
    assert delete(either, gone.id) == Gone(screens=3, rewrites=9, judgments=2, people=2, pairs=4)
    assert [prompt.id for prompt in rows(either, Prompt)] == [kept_id]
    assert [screen.prompt_id for screen in rows(either, Generation)] == [kept_id]
    assert len(rows(either, Judgment)) == 1
    assert rows(either, Reservation) == []


def test_it_wants_the_id_and_a_prompt_that_is_there(session: Session) -> None:
    prompt = factories.prompt(session)
    with pytest.raises(Invalid, match=rf"^Type {prompt.id} to confirm that prompt {prompt.id} shall be deleted\.$"):
        deletion.delete_prompt(session, None, prompt.id, "")
    with pytest.raises(NotFound, match=r"^There is no prompt 99\.$"):
        delete(session, 99)
    assert len(rows(session, Prompt)) == 1


def test_the_audit_log_says_that_it_went_and_holds_no_text_of_it(session: Session) -> None:
    admin, prompt_id = factories.user(session).id, factories.prompt(session).id
    search.change(session, admin, prompt_id, {"gold": "a right answer", "gold_wrong": ["a wrong one"]}, 1000)
    deletion.delete_prompt(session, admin, prompt_id, prompt_id)
    changed, deleted = rows(session, AuditEvent)
    assert changed.details == {}
    assert (deleted.user_id, deleted.action, deleted.subject) == (admin, "prompt.deleted", f"prompt {prompt_id}")
    assert deleted.details == {"judgments": 0, "pairs": 0}


def test_figures_that_every_process_keeps_are_right_after_it(either: Session) -> None:
    """A second engine keeps figures of its own, as a second process does."""
    ada, bob = factories.user(either).id, factories.user(either).id
    shared, kept = factories.prompt(either, source="a.csv"), factories.prompt(either, source="b.csv")
    for prompt, people in ((kept, (ada,)), (shared, (ada, bob))):
        for person in people:
            click(either, person, prompt)
    other_engine = create_engine(either.get_bind().engine.url)
    with Session(other_engine) as other:
        sessions = (either, other)
        for session in sessions:
            session.rollback()
            assert counts.said(counts.judgments(session)).judgments == 3
            assert (counts.screens(session), counts.sources(session)) == (3, Counter({"a.csv": 1, "b.csv": 1}))
            assert len(agreement.measured(session).pairs) == 1
            assert statistics.habits(session, ada).judged == 2
        delete(either, shared.id)
        for session in sessions:
            session.rollback()
            assert counts.said(counts.judgments(session)).judgments == 1
            assert (counts.screens(session), counts.sources(session)) == (1, Counter({"b.csv": 1}))
            assert agreement.measured(session).pairs == []
            assert statistics.habits(session, ada).judged == 1
            assert statistics.habits(session, bob).judged == 0
    other_engine.dispose()


def test_as_many_judgments_after_it_as_before_are_not_taken_for_the_same(session: Session) -> None:
    ada, gone = factories.user(session).id, factories.prompt(session)
    click(session, ada, gone)
    assert statistics.habits(session, ada).positions.counts == (1, 0, 0)
    delete(session, gone.id)
    screen = factories.generation(session, ada)
    judgments.judge(session, ada, JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[2].id))
    assert statistics.habits(session, ada).positions.counts == (0, 0, 1)


def test_a_prompt_that_lost_a_judgment_comes_back_into_the_queue(session: Session) -> None:
    """The person is deleted with their screens; the prompt is somebody else's to judge again."""
    ada, bob = factories.user(session).id, factories.user(session).id
    prompt = factories.prompt(session, queued=True)
    made = click(session, ada, prompt)
    studio = studio_settings.settings(session)
    with write_transaction(session):
        prompt.queued, prompt.retired_at = False, now()
    assert queue.next_waiting(session, bob, studio) is None
    assert deletion.delete_some_screens(session, Generation.id == made.generation_id) == [prompt.id]
    found = queue.next_waiting(session, bob, studio)
    assert found is not None
    assert found.id == prompt.id


def test_what_is_deleted_in_several_parts_is_all_gone(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletions, "AT_ONCE", 2)
    prompt = factories.prompt(session)
    for _ in range(5):
        click(session, factories.user(session).id, prompt)
    delete(session, prompt.id)
    assert session.scalar(select(func.count(Generation.id))) == 0


def test_a_judgment_of_a_deleted_screen_is_refused_and_meets_no_other(session: Session) -> None:
    ada, prompt = factories.user(session).id, factories.prompt(session)
    screen = factories.generation(session, ada, prompt=prompt)
    sent = JudgmentRequest(
        screen.id, Verdict.CHOSEN, screen.candidates[0].id, client_key="0c9e77c2-1c5e-4a94-8d43-1f1a1c0e8d0a"
    )
    judgments.judge(session, ada, sent)
    delete(session, prompt.id)
    factories.generation(session, ada)
    with pytest.raises(NotFound, match=rf"^There is no generation {sent.generation_id} of yours\.$"):
        judgments.judge(session, ada, sent)
    assert rows(session, Judgment) == []


def test_a_screen_that_is_deleted_while_its_judgment_waits_is_no_error_of_ours(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, prompt = factories.user(session).id, factories.prompt(session)
    screen = factories.generation(session, ada, prompt=prompt)
    sent = JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id)
    prompt_id = prompt.id

    def meanwhile(of: Session, write: Callable[[Connection], Any]) -> Any:
        delete(session, prompt_id)
        return write_with_others(of, write)

    monkeypatch.setattr(judgments, "write_with_others", meanwhile)
    with pytest.raises(NotFound):
        judgments.judge(session, ada, sent)
