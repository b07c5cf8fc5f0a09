"""Judgments as they are stored, and as the head reads them."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, now, write_transaction
from app.services.training.reward import judged
from app.services.training.reward.judged import Marker, Screen
from models.reward.features import SIZE, pack
from tests import factories

ROW = pack(np.zeros(SIZE))


def stored(**of: object) -> Screen:
    values: dict[str, object] = {
        "judgment_id": 1,
        "text": "you are silly",
        "verdict": "chosen",
        "chosen": (8,),
        "written": None,
        "written_features": None,
        "cards": tuple((number, f"card {number}", pack(np.full(SIZE, number / 10))) for number in (7, 8, 9)),
    }
    return Screen(**{**values, **of})  # type: ignore[arg-type]


def test_a_choice_is_the_place_of_its_card() -> None:
    found = stored().judged()
    assert found.chosen == (1,)
    assert [card[0] for card in found.cards] == pytest.approx([0.7, 0.8, 0.9], abs=1e-3)
    assert found.written is None


def test_a_tie_is_several_places_and_none_is_no_place() -> None:
    assert stored(verdict="tie", chosen=(9, 7)).judged().chosen == (0, 2)
    assert stored(verdict="none", chosen=()).judged().chosen == ()


def test_an_order_is_the_chosen_place_and_those_behind_it() -> None:
    ranked = stored(chosen=(8,), ranking=(8, 9, 7))
    assert (ranked.judged().chosen, ranked.judged().behind) == ((1,), (2, 0))
    assert ranked.said() == [*stored().said(), ["card 8", "card 9", "card 7"]]


def test_a_written_text_has_features_of_its_own() -> None:
    edited = stored(verdict="edited", chosen=(), written="mine")
    assert not edited.measured
    found = edited._replace(written_features=ROW)
    assert found.measured
    assert found.judged().written is not None


def test_a_screen_is_measured_when_all_its_cards_are() -> None:
    assert stored().measured
    assert not stored(cards=((7, "a", ROW), (8, "b", None))).measured
    assert not stored(cards=((7, "a", ROW), (8, "b", b"of another version"))).measured


def test_an_order_is_read_as_it_is_stored(session: Session) -> None:
    screen = factories.generation(session, factories.user(session).id)
    ids = tuple(card.id for card in screen.candidates)
    judgment = factories.judgment(session, screen, ranking=[ids[0], ids[2], ids[1]])
    (found,) = judged.screens(session, [judgment.id])
    assert (found.chosen, found.ranking) == ((ids[0],), (ids[0], ids[2], ids[1]))


def test_the_marker_moves_with_every_judgment_and_every_undo(session: Session) -> None:
    assert judged.marker(session) == Marker(0, 0)
    person = factories.user(session).id
    first = factories.judgment(session, factories.generation(session, person))
    assert judged.marker(session) == Marker(first.id, 0)
    with write_transaction(session):
        session.get_one(Judgment, first.id).undone_at = now()
    assert judged.marker(session) == Marker(first.id, 1)


def test_the_standing_ones_come_oldest_first_without_those_that_say_nothing_of_rewrites(session: Session) -> None:
    person = factories.user(session).id
    ids = [factories.judgment(session, factories.generation(session, person)).id for _ in range(3)]
    factories.judgment(session, factories.generation(session, person, gold=True))
    for verdict in ("skipped", "fine"):
        factories.judgment(
            session, factories.generation(session, person), verdict=verdict, candidate_id=None, pairs=False
        )
    factories.judgment(session, factories.generation(session, person), seconds=0.3)  # too quick to have been read
    with write_transaction(session):
        session.get_one(Judgment, ids[1]).undone_at = now()
    assert judged.standing(session) == [ids[0], ids[2]]
    found = judged.screens(session, ids)
    assert sorted(screen.judgment_id for screen in found) == ids
    assert all(len(screen.cards) == 3 for screen in found)
