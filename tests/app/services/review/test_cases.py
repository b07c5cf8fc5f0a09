from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import Review, Verdict, mine
from app.domain_errors import NotFound
from app.services.review import cases, decisions
from app.services.review.cases import ReviewFilter
from app.services.review.decision_request import DecisionRequest
from tests import factories
from tests.app.services.review.conftest import TEXTS, Disputed
from tests.studio import Person, rows

NONE = DecisionRequest(verdict=Verdict.NONE)


def found(session: Session, **wanted: object) -> list[int]:
    return [one.review.id for one in cases.page(session, ReviewFilter(**wanted)).cases]  # type: ignore[arg-type]


def test_the_most_disagreeing_come_first_and_pages_follow(session: Session, disputed: Disputed) -> None:
    mild = disputed.review(TEXTS[0], TEXTS[0], TEXTS[1])
    strong = [disputed.review(TEXTS[0], TEXTS[1], TEXTS[2]) for _ in range(2)]
    order = [strong[1].id, strong[0].id, mild.id]
    assert found(session) == order
    first = cases.page(session, ReviewFilter(), size=2)
    assert [one.review.id for one in first.cases] == order[:2]
    second = cases.page(session, ReviewFilter(), first.after, size=2)
    assert ([one.review.id for one in second.cases], second.after) == (order[2:], None)
    assert [cases.following(session, ReviewFilter(), number) for number in order] == [*order[1:], order[0]]


def test_filters_find_by_state_person_and_source(session: Session, disputed: Disputed, admin: Person) -> None:
    decided = disputed.review(TEXTS[0], TEXTS[1], prompt=factories.prompt(session, source="forum"))
    two = disputed.review(TEXTS[0], TEXTS[1])
    three = disputed.review(TEXTS[0], TEXTS[1], TEXTS[2], prompt=factories.prompt(session, source="forum"))
    decisions.decide(session, admin.id, decided.id, NONE)
    assert found(session, state="decided") == [decided.id]
    assert found(session) == [three.id, two.id]
    assert found(session, person=disputed.people[2].id) == [three.id]
    assert found(session, person=admin.id, state="decided") == [], "the reviewer is not among those who judged"
    assert found(session, source="forum") == [three.id]
    assert cases.numbers(session) == {"open": 2, "decided": 1}


def test_a_case_says_who_chose_which_card_whatever_order_they_saw(
    session: Session, disputed: Disputed, admin: Person
) -> None:
    review = disputed.review(TEXTS[0], TEXTS[2], None)
    decisions.decide(session, admin.id, review.id, DecisionRequest(verdict=Verdict.EDITED, edited_text="better"))
    case = cases.case(session, review.id)
    assert [card.text for card in case.screen.candidates] == list(TEXTS)
    assert [one.best for one in case.opinions] == [(1,), (3,), ()]
    assert [one.person for one in case.opinions] == [one.email for one in disputed.people]
    assert [len(case.chosen_by(place)) for place in (1, 2, 3)] == [1, 0, 1]
    assert len(case.others) == 1
    assert case.decision is not None
    assert (case.decision.person, case.decision.judgment.edited_text) == (admin.email, "better")


def test_there_is_no_case_of_a_review_whose_screen_is_gone(session: Session, disputed: Disputed) -> None:
    review = disputed.review(TEXTS[0], TEXTS[1])
    session.get_one(Review, review.id).generation_id = None
    session.commit()
    with pytest.raises(NotFound, match="There is no review"):
        cases.case(session, review.id)
    assert found(session) == []
    assert len(rows(session, Review)) == 1


@pytest.mark.sqlite
@pytest.mark.parametrize("wanted", [ReviewFilter(), ReviewFilter(source="forum"), ReviewFilter(person=1)])
def test_a_page_is_read_in_the_order_of_an_index_and_people_are_found_by_the_prompt(
    session: Session, wanted: ReviewFilter
) -> None:
    found = cases._in_order(session, wanted, None).where(*mine(session, Review)).limit(20)
    sql = found.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    plan = [row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {sql}"))]
    index = "ix__reviews__source (source=? AND state=? AND" if wanted.source else "ix__reviews__list (state=? AND"
    assert plan[0] == f"SEARCH reviews USING INDEX {index} project_id=?)"
    assert not [step for step in plan if "TEMP B-TREE" in step or "ix__judgments__pace" in step]
