"""Drawing a screen by one version or by both of a live comparison."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.services.desk import drawing
from app.services.desk.drawing import Beside, draw
from models.serving.generator import Generator, Sampling
from models.serving.screen import never
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import add_version, parts, rewriter


@pytest.fixture
def beside(app: Flask, session: Session, published: CheckpointStore, version_1: int) -> Beside:
    """Version 2, in a live comparison with version 1, which serves."""
    add_version(app, session, published, 2)
    factories.comparison(session, serving_number=1)
    parts(app).companion.refresh()
    found = parts(app).beside(session, rewriter(app))
    assert found is not None
    return found


@pytest.fixture
def generator(app: Flask, version_1: int) -> Generator:
    return rewriter(app)


def test_with_a_version_beside_both_write_cards_and_each_card_says_whose_it_is(
    generator: Generator, beside: Beside
) -> None:
    drawn = draw("you are stupid", generator, beside, Sampling(), None, never)
    assert drawn.comparison_id == beside.comparison_id
    assert drawn.serving == 1
    assert len(drawn.versions) == len({card.text for card in drawn.screen.candidates}) == 3
    assert set(drawn.versions) == {1, 2}


def test_without_one_or_where_the_two_cannot_fill_a_screen_the_one_that_serves_writes_it(
    generator: Generator, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = draw("you are stupid", generator, None, Sampling(), None, never)
    monkeypatch.setattr(drawing, "mixed", lambda *_: None)
    failed = draw("you are stupid", generator, beside, Sampling(), None, never)
    for drawn in (alone, failed):
        assert (drawn.versions, drawn.serving, drawn.comparison_id) == ((1, 1, 1), 1, None)
