"""The list of first steps ticks what is done, by what the database has."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import RunStatus, now
from app.services.people import invitations
from app.services.prompts import samples
from app.services.system import first_steps
from app.services.system.first_steps import FirstSteps
from tests import factories


def test_nothing_is_done_in_a_new_studio(session: Session) -> None:
    factories.user(session)
    factories.prompt(session, "typed by somebody", source="typed")
    assert first_steps.look(session) == FirstSteps(False, False, 0, None, False)


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
    factories.run(session, RunStatus.SUCCEEDED, finished_at=now(), produced_version=2)
    factories.run(session, RunStatus.SUCCEEDED, finished_at=now(), produced_version=3)
    assert first_steps.look(session) == FirstSteps(True, True, 20, 3, False)


def test_an_invitation_that_nobody_has_used_is_enough(session: Session) -> None:
    ada = factories.user(session)
    assert not first_steps.look(session).invited
    invitations.invite(session, ada.id, "annotator", "for Ben", 7)
    assert first_steps.look(session).invited


@pytest.mark.parametrize(
    ("steps", "all_done", "only_invitation_left"),
    [
        (FirstSteps(True, True, 20, 2, True), True, False),
        (FirstSteps(True, False, 20, 2, True), False, True),
        (FirstSteps(True, False, 19, 2, True), False, False),
        (FirstSteps(True, True, 20, 2, False), False, False),
    ],
)
def test_to_invite_is_a_step_like_the_others(steps: FirstSteps, all_done: bool, only_invitation_left: bool) -> None:
    assert (steps.all_done, steps.only_invitation_left) == (all_done, only_invitation_left)


def test_the_difference_was_seen_once_a_text_of_a_later_version_was_judged(session: Session, version_1: int) -> None:
    ada = factories.user(session)
    factories.version(session, 2)
    factories.run(session, RunStatus.SUCCEEDED, finished_at=now(), produced_version=2)
    screen = factories.generation(session, ada.id)
    for candidate in screen.candidates:
        candidate.version_number = 2
    judgment = factories.judgment(session, screen)
    assert first_steps.look(session).compared
    judgment.undone_at = now()
    session.commit()
    assert not first_steps.look(session).compared
