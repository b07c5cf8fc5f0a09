"""Prompts that are done leave the queue, and come back when they are not done any more."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import Judgment, Prompt, write_transaction
from app.services.desk import judgments
from app.services.prompts import retirement, search, studio_settings
from tests import factories


def judged(session: Session, text: str, person: int) -> tuple[Prompt, Judgment]:
    prompt = factories.prompt(session, text, queued=True)
    return prompt, factories.judgment(session, factories.generation(session, person, prompt=prompt))


def retire(session: Session, before: Prompt | None = None) -> int:
    with write_transaction(session):
        return retirement.retire(session, studio_settings.settings(session), before)


def queued(session: Session, *prompts: Prompt) -> list[bool]:
    session.expire_all()
    return [prompt.queued for prompt in prompts]


def test_what_enough_people_judged_leaves_and_what_stands_behind_waits_for_its_turn(session: Session) -> None:
    ada = factories.user(session).id
    first, _ = judged(session, "first", ada)
    waiting = factories.prompt(session, "waiting", queued=True)
    last, _ = judged(session, "last", ada)
    assert retire(session, before=waiting) == 1
    assert queued(session, first, waiting, last) == [False, True, True]
    assert retire(session) == 1
    assert queued(session, waiting, last) == [True, False]


def test_what_is_not_done_any_more_comes_back(session: Session) -> None:
    ada = factories.user(session).id
    (undone, judgment), (done, _) = judged(session, "undone", ada), judged(session, "done", ada)
    assert retire(session) == 2
    judgments.undo(session, ada, judgment.id)
    assert queued(session, undone, done) == [True, False]
    studio_settings.change(session, ada, {"overlap": 2})
    assert queued(session, undone, done) == [True, True]


def test_what_an_admin_took_out_stays_out_whatever_is_undone(session: Session) -> None:
    ada = factories.user(session).id
    prompt, judgment = judged(session, "done", ada)
    assert retire(session) == 1
    search.change(session, ada, prompt.id, {"queued": False}, 1_000)
    judgments.undo(session, ada, judgment.id)
    assert queued(session, prompt) == [False]


def test_a_done_prompt_that_was_made_a_check_is_not_put_into_the_queue_by_the_way(session: Session) -> None:
    ada = factories.user(session).id
    prompt, _ = judged(session, "done", ada)
    assert retire(session) == 1
    search.change(session, ada, prompt.id, {"gold": "right"}, 1_000)
    studio_settings.change(session, ada, {"overlap": 2})
    assert queued(session, prompt) == [False]


def test_a_look_at_a_queue_without_done_prompts_finds_nothing_due(session: Session) -> None:
    ada = factories.user(session).id
    factories.prompt(session, "waiting", queued=True)
    assert retirement.due(session, studio_settings.settings(session)) == []
    done, _ = judged(session, "done", ada)
    assert retirement.due(session, studio_settings.settings(session)) == [done.id]
