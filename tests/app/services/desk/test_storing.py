"""Screens as they are stored, whoever wrote their cards."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy.orm import Session

from app.api.payload import generation_json
from app.db import write_transaction
from app.domain_errors import NotSignedIn
from app.services.desk.drawing import Drawn
from app.services.desk.storing import store_check, store_copy, store_drawn
from app.services.exchange.personal.rows import KINDS
from models.reward.features import SIZE, pack
from models.serving.screen import Screen, Shown
from tests import factories
from tests.studio import Person

TEXTS = ("one", "two", "three")


def of_both(comparison_id: int, *, serving: int) -> Drawn:
    """A screen of versions 1 and 2, of which the first card is of the one that does not serve."""
    cards = tuple(Shown(text, -3.0, np.zeros(SIZE)) for text in TEXTS)
    screen = Screen(cards, exhausted=False, sampling={"temperature": 1.0}, seed=7, milliseconds=9.0)
    return Drawn(screen, (3 - serving, serving, serving), serving, None, comparison_id)


@pytest.mark.parametrize("serving", [1, 2])
def test_the_cards_of_two_versions_keep_their_writers_and_the_person_sees_the_one_that_serves(
    session: Session, annotator: Person, serving: int
) -> None:
    comparison = factories.comparison(session, serving_number=serving)
    prompt = factories.prompt(session)
    for _ in range(8):  # in every order
        with write_transaction(session):
            stored = store_drawn(session, prompt, annotator.id, of_both(comparison.id, serving=serving))
        assert stored.comparison_id == comparison.id
        written = {card.text: card.version_number for card in stored.candidates}
        assert written == dict(zip(TEXTS, (3 - serving, serving, serving), strict=True))
        shown = generation_json(stored, exhausted=False)
        assert shown["version"] == serving, "whatever wrote the first card"
        assert [set(card) for card in shown["candidates"]] == [{"id", "text", "html"}] * 3


def test_a_copy_for_somebody_else_belongs_to_no_comparison_and_tells_no_more(
    session: Session, annotator: Person, admin: Person
) -> None:
    comparison, prompt = factories.comparison(session), factories.prompt(session)
    with write_transaction(session):
        first = store_drawn(session, prompt, annotator.id, of_both(comparison.id, serving=2))
        copy = store_copy(session, first, admin.id)
    assert copy.comparison_id is None
    assert copy.sampling["copy_of"] == first.id
    assert generation_json(copy, exhausted=False)["version"] == 2
    assert sorted(str(card.version_number) for card in copy.candidates) == ["1", "2", "2"]


def test_a_screen_its_copy_and_a_check_have_every_field_and_places_from_the_left(
    session: Session, annotator: Person, admin: Person
) -> None:
    factories.version(session)
    prompt = factories.prompt(session, gold_answer="right", gold_wrong=["wrong", "bad"])
    cards = tuple(Shown(text, -float(n), np.full(SIZE, n), n / 4) for n, text in enumerate(TEXTS, start=1))
    screen = Screen(cards, exhausted=False, sampling={"temperature": 1.5}, seed=7, milliseconds=9.0)
    with write_transaction(session):
        first = store_drawn(session, prompt, annotator.id, Drawn(screen, (1, 1, 1), 1, None, None))
        copy = store_copy(session, first, admin.id)
        check = store_check(session, prompt, annotator.id, 4)

    for stored in (first, copy):
        found = {
            card.text: (card.log_probability, card.version_number, card.features, card.probability, card.right)
            for card in stored.candidates
        }
        assert found == {
            text: (-float(n), 1, pack(np.full(SIZE, n)), n / 4, None) for n, text in enumerate(TEXTS, start=1)
        }
        assert [card.position for card in stored.candidates] == [0, 1, 2]
        assert (stored.prompt_id, stored.seed, stored.head_id, stored.gold) == (prompt.id, 7, None, False)
    assert (first.user_id, first.sampling, first.milliseconds) == (annotator.id, {"temperature": 1.5}, 9.0)
    assert (copy.user_id, copy.milliseconds) == (admin.id, 0.0)
    assert copy.sampling == {"temperature": 1.5, "copy_of": first.id}
    assert (check.user_id, check.prompt_id, check.sampling, check.seed) == (annotator.id, prompt.id, {"version": 4}, 0)
    assert (check.milliseconds, check.gold) == (0.0, True)
    assert {card.text: (card.log_probability, card.right) for card in check.candidates} == {
        "right": (0.0, True),
        "wrong": (0.0, False),
        "bad": (0.0, False),
    }


def test_an_attention_check_shows_the_version_of_an_ordinary_screen(session: Session, annotator: Person) -> None:
    prompt = factories.prompt(session, gold_answer="right")
    with write_transaction(session):
        check = store_check(session, prompt, annotator.id, 4)
    assert generation_json(check, exhausted=False)["version"] == 4


def test_what_a_person_takes_along_of_screens_not_judged_yet_does_not_tell_who_wrote_what(
    session: Session, annotator: Person
) -> None:
    comparison = factories.comparison(session)
    screen_id = factories.mixed_screen(session, annotator.id, comparison).id
    factories.preferred(session, annotator.id, comparison, 2)
    read = {kind.name: list(kind.read(session, annotator.id)) for kind in KINDS}
    (unjudged,) = [row for row in read["screens"] if row["id"] == screen_id]
    assert not unjudged.keys() & {"sampling", "comparison_id", "gold"}
    assert [set(card) for card in unjudged["candidates"]] == [{"id", "position", "text"}] * 3
    assert [card["version"] for card in read["judgments"][0]["candidates"]] == [2, 1, 1]


def test_nothing_is_stored_for_somebody_who_may_no_longer_sign_in(session: Session) -> None:
    left = factories.user(session, active=False).id
    prompt = factories.prompt(session)
    comparison = factories.comparison(session)
    with pytest.raises(NotSignedIn, match=r"^This account may no longer sign in\.$"), write_transaction(session):
        store_drawn(session, prompt, left, of_both(comparison.id, serving=2))
