"""A review of what two people said, for its page and its API."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import Review
from tests.app.services.review.conftest import TEXTS, Disputed
from tests.studio import Person, make_person


@pytest.fixture
def disputed(session: Session, annotator: Person) -> Disputed:
    """Two annotators."""
    return Disputed(session, [annotator, make_person(annotator.app, session)])


@pytest.fixture
def review(disputed: Disputed) -> Review:
    """A review of a prompt of which they chose the first and the second rewrite."""
    return disputed.review(TEXTS[0], TEXTS[1])
