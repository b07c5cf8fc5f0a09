"""Which texts this studio's versions are tested on."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import now
from app.services.exchange.outgoing.evaluation_texts import evaluation_texts
from models.formats.splitting import held_out_keys
from models.texts.heldout import HELD_OUT_ONE_IN, heldout_pairs
from tests import factories
from tests.studio import Person


def held_out(number: int) -> str:
    """A text that training holds out once it is judged."""
    texts = (f"one of many texts {n}" for n in range(1_000))
    return [text for text in texts if held_out_keys([text], HELD_OUT_ONE_IN)][number]


def test_they_are_those_that_come_with_mellow_and_the_held_out_ones_that_are_judged(
    session: Session, annotator: Person
) -> None:
    judged, waiting, check, undone = (factories.prompt(session, held_out(n)) for n in range(4))
    factories.judgment(session, factories.generation(session, annotator.id, prompt=judged))
    factories.judgment(session, factories.generation(session, annotator.id, prompt=check, gold=True), pairs=False)
    factories.judgment(session, factories.generation(session, annotator.id, prompt=undone), undone_at=now())
    factories.judgment(session, factories.generation(session, annotator.id))
    tested = evaluation_texts(session)
    assert tested.like(judged.text.upper()) is not None
    assert [tested.like(one.text) for one in (waiting, check, undone)] == [None] * 3
    assert all(tested.like(text) for pair in heldout_pairs() for text in pair)
