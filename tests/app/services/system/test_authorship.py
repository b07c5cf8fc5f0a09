"""Who wrote what."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Judgment, Prompt
from app.services.system.authorship import typed_by, written_by
from tests import factories


def test_a_person_wrote_their_judgments_but_not_those_that_they_imported_of_others(session: Session) -> None:
    person, other = factories.user(session).id, factories.user(session).id
    own = factories.judgment(session, factories.generation(session, person))
    factories.judgment(session, factories.generation(session, person), annotator="Ada", imported=True)
    factories.judgment(session, factories.generation(session, other))
    assert session.scalars(select(Judgment.id).where(written_by(person))).all() == [own.id]


def test_a_text_was_typed_by_whoever_saw_it_first(session: Session) -> None:
    person, other = factories.user(session).id, factories.user(session).id
    typed = factories.prompt(session, "typed here", source="typed")
    factories.generation(session, person, prompt=typed)
    factories.generation(session, other, prompt=typed)
    queued = factories.prompt(session, "from a file", source="file")
    factories.generation(session, person, prompt=queued)
    assert session.scalars(select(Prompt.id).where(typed_by(person))).all() == [typed.id]
    assert session.scalars(select(Prompt.id).where(typed_by(other))).all() == []
