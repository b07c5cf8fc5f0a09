"""Which judgments count in a live comparison, and for which version."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, LiveComparison, Verdict, now, write_transaction
from app.services.desk import judgments
from app.services.people import deletion
from app.services.versions.live_comparison_clicks import clicks
from models.sequential import Click
from tests import factories
from tests.studio import Person


@pytest.fixture
def comparison(session: Session) -> LiveComparison:
    return factories.comparison(session)


def judge(session: Session, comparison: LiveComparison, person: Person, **values: Any) -> Judgment:
    """A judgment of a mixed screen, by default of its first card, the only one of the new version."""
    return factories.judgment(session, factories.mixed_screen(session, person.id, comparison), **values)


def test_a_choice_counts_for_the_version_of_the_chosen_card_in_the_order_of_the_judgments(
    either: Session,
) -> None:
    people = [factories.user(either).id for _ in range(2)]
    comparison = factories.comparison(either)
    for person, number, new_cards in ((people[0], 2, 1), (people[1], 1, 2), (people[0], 1, 1)):
        factories.preferred(either, person, comparison, number, new_cards=new_cards)
    first, second = map(str, people)
    assert clicks(either, comparison) == [
        Click(first, 1, 3, new_won=True),
        Click(second, 2, 3, new_won=False),
        Click(first, 1, 3, new_won=False),
    ]


@pytest.mark.parametrize("verdict", [Verdict.TIE, Verdict.NONE, Verdict.SKIPPED])
def test_ties_none_and_skips_count_nothing(
    session: Session, comparison: LiveComparison, annotator: Person, verdict: Verdict
) -> None:
    judge(session, comparison, annotator, verdict=verdict, candidate_id=None, pairs=False)
    assert clicks(session, comparison) == []


def test_an_edit_counts_for_the_card_it_was_written_from_and_else_nothing(
    session: Session, comparison: LiveComparison, annotator: Person
) -> None:
    edit = {"verdict": Verdict.EDITED, "edited_text": "Better."}
    judge(session, comparison, annotator, **edit, candidate_id=None)
    assert clicks(session, comparison) == []
    judge(session, comparison, annotator, **edit)
    assert clicks(session, comparison) == [Click(str(annotator.id), 1, 3, new_won=True)]


def test_attention_checks_imported_judgments_and_screens_of_no_comparison_count_nothing(
    session: Session, comparison: LiveComparison, annotator: Person
) -> None:
    factories.judgment(session, factories.generation(session, annotator.id, gold=True, comparison_id=comparison.id))
    judge(session, comparison, annotator, imported=True, annotator="somebody")
    factories.judgment(session, factories.generation(session, annotator.id))
    assert clicks(session, comparison) == []


def test_the_screens_of_another_comparison_count_nothing(
    session: Session, comparison: LiveComparison, annotator: Person
) -> None:
    judge(session, comparison, annotator)
    with write_transaction(session):
        comparison.state, comparison.ended_at = "ended", now()
    assert clicks(session, factories.comparison(session)) == []
    assert len(clicks(session, comparison)) == 1


def test_an_undone_judgment_drops_out_and_one_in_its_place_counts_where_it_was_made(
    session: Session, comparison: LiveComparison, annotator: Person
) -> None:
    first = judge(session, comparison, annotator)
    judge(session, comparison, annotator)
    judgments.undo(session, annotator.id, first.id)
    assert len(clicks(session, comparison)) == 1
    other = first.generation.candidates[2].id
    judgments.judge(
        session, annotator.id, judgments.JudgmentRequest(first.generation_id, Verdict.CHOSEN, candidate_id=other)
    )
    assert [click.new_won for click in clicks(session, comparison)] == [True, False]


def test_a_comparison_that_ended_keeps_the_clicks_that_stood_then(
    session: Session, comparison: LiveComparison, annotator: Person
) -> None:
    before = judge(session, comparison, annotator)
    late = factories.mixed_screen(session, annotator.id, comparison)
    with write_transaction(session):
        comparison.state, comparison.ended_at = "ended", now()
    judgments.undo(session, annotator.id, before.id)
    factories.judgment(session, late)
    assert clicks(session, comparison) == [Click(str(annotator.id), 1, 3, new_won=True)]


@pytest.mark.parametrize(("kept", "left"), [(True, 2), (False, 1)])
def test_a_person_who_is_deleted_takes_their_clicks_along_unless_they_are_kept(
    session: Session, comparison: LiveComparison, annotator: Person, admin: Person, *, kept: bool, left: int
) -> None:
    for person in (annotator, admin):
        judge(session, comparison, person)
    deletion.delete_person(session, admin.id, annotator.id, annotator.email, kept)
    assert len(clicks(session, comparison)) == left
