"""The texts that ship with Mellow wait in the queue once they are asked for."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.db import ANSWERING, AuditEvent, Project, Prompt, write_transaction
from app.services.prompts import samples
from app.services.prompts.prompts import check_text
from tests import factories
from tests.studio import rows


def test_fifty_different_texts_ship_with_mellow() -> None:
    texts = samples.texts()
    assert len(set(texts)) == len(texts) == 50
    assert [check_text(text, 200) for text in texts] == texts


def test_they_are_queued_once_in_their_order(session: Session) -> None:
    by = factories.user(session).id
    assert samples.load(session, by).added == 50
    assert [prompt.text for prompt in rows(session, Prompt) if prompt.queued] == samples.texts()
    again = samples.load(session, by)
    assert (again.added, again.duplicates) == (0, 50)
    assert [event.details for event in rows(session, AuditEvent) if event.action == "prompts.imported"] == [
        {"added": 50, "rejected": 0},
        {"added": 0, "rejected": 0},
    ]


def test_forty_instructions_ship_for_projects_that_answer(session: Session) -> None:
    by = factories.user(session).id
    with write_transaction(session):
        session.execute(update(Project).values(task=ANSWERING))
    assert samples.load(session, by).added == len({row.digest for row in samples.instructions()}) == 40
    assert [(one.text, one.turns or []) for one in rows(session, Prompt)] == [
        (row.text, list(row.turns)) for row in samples.instructions()
    ]
    with_turns = [row for row in samples.instructions() if row.turns]
    assert [[turn["role"] for turn in row.turns] for row in with_turns] == [["user", "assistant"]] * 2
    assert samples.load(session, by).duplicates == 40
    assert samples.examples(session) == [row.text for row in samples.instructions()[:3]]


def test_one_that_was_judged_does_not_come_again(session: Session) -> None:
    ada = factories.user(session).id
    prompt = factories.prompt(session, samples.texts()[0])
    factories.judgment(session, factories.generation(session, ada, prompt=prompt))
    assert samples.load(session, ada).added == 49
    session.refresh(prompt)
    assert not prompt.queued
