"""Screens that several people judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, Prompt, Review
from app.services.review import looking
from tests import factories
from tests.studio import Person, make_person, rows

TEXTS = ("first rewrite", "second rewrite", "third rewrite")


class Disputed:
    """Two people and what they say of prompts; the cards of the second one stand the other way round."""

    def __init__(self, session: Session, people: Sequence[Person]) -> None:
        self.session = session
        self.people = people

    def judged(self, *said: str | None, prompt: Prompt | None = None, **values: Any) -> list[Judgment]:
        """A judgment of each person on the same texts: a text that is best, or None if none is good."""
        of = prompt or factories.prompt(self.session)
        found = []
        for number, (person, best) in enumerate(zip(self.people, said, strict=False)):
            texts = TEXTS if number % 2 == 0 else TEXTS[::-1]
            screen = factories.generation(self.session, person.id, texts, prompt=of)
            found.append(say(self.session, screen, best, **values))
        return found

    def review(self, *said: str | None, **values: Any) -> Review:
        """The review of a prompt that was judged so."""
        judgment = self.judged(*said, **values)[0]
        looking.look(self.session)
        return next(one for one in rows(self.session, Review) if one.prompt_id == judgment.generation.prompt_id)


def say(session: Session, screen: Any, best: str | None, **values: Any) -> Judgment:
    """Judge a screen: the text that is best with its pairs, or None if none is good."""
    if best is None:
        return factories.judgment(session, screen, pairs=False, verdict="none", candidate_id=None, **values)
    card = next(one for one in screen.candidates if one.text == best)
    others = [one for one in screen.candidates if one is not card]
    pairs = [factories.preference(screen.prompt.text, best, one.text) for one in others]
    return factories.judgment(session, screen, candidate_id=card.id, preferences=pairs, **values)


@pytest.fixture
def disputed(session: Session, annotator: Person) -> Disputed:
    """Two annotators, and a third one where three say something."""
    others = [make_person(annotator.app, session) for _ in range(2)]
    return Disputed(session, [annotator, *others])
