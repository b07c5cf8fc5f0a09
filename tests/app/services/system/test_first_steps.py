"""The list of first steps ticks what is done, by what the database has."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import RunStatus, now
from app.services.prompts import samples
from app.services.system import first_steps
from app.services.system.first_steps import FirstSteps
from tests import factories


def test_nothing_is_done_in_a_new_studio(session: Session) -> None:
    factories.user(session)
    factories.prompt(session, "typed by somebody", source="typed")
    assert first_steps.look(session) == FirstSteps(False, False, 0, False, False)


def test_each_step_is_ticked_by_what_is_there(session: Session, version_1: int) -> None:
    ada = factories.user(session)
    samples.load(session, ada.id)
    assert first_steps.look(session).imported
    factories.user(session)
    assert first_steps.look(session).invited
    for _ in range(20):
        factories.judgment(session, factories.generation(session, ada.id))
    assert first_steps.look(session).enough_judged
    factories.run(session, RunStatus.FAILED, finished_at=now())
    assert not first_steps.look(session).retrained
    factories.run(session, RunStatus.SUCCEEDED, finished_at=now())
    assert first_steps.look(session) == FirstSteps(True, True, 20, True, False)


def test_the_difference_was_seen_once_a_text_of_a_later_version_was_judged(session: Session, version_1: int) -> None:
    ada = factories.user(session)
    factories.version(session, 2)
    factories.run(session, RunStatus.SUCCEEDED, finished_at=now())
    screen = factories.generation(session, ada.id)
    for candidate in screen.candidates:
        candidate.version_number = 2
    judgment = factories.judgment(session, screen)
    assert first_steps.look(session).compared
    judgment.undone_at = now()
    session.commit()
    assert not first_steps.look(session).compared
