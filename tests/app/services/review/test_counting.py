from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.db import Judgment, Review, ReviewState, now, write_transaction
from app.services.review import looking
from tests import factories
from tests.app.services.review.conftest import TEXTS, Disputed, say
from tests.studio import make_person, rows


def test_people_who_chose_different_texts_of_the_same_screen_make_a_review(
    session: Session, disputed: Disputed
) -> None:
    disputed.judged(TEXTS[0], TEXTS[1])
    looking.look(session)
    (review,) = rows(session, Review)
    assert (review.people, review.disagreement, review.flags, review.state) == (2, 1.0, 0, ReviewState.OPEN)


def test_the_same_text_in_another_order_is_no_disagreement(session: Session, disputed: Disputed) -> None:
    disputed.judged(TEXTS[0], TEXTS[0])
    disputed.judged(None, None)
    looking.look(session)
    assert rows(session, Review) == []


def test_none_is_good_against_a_choice_is_one(session: Session, disputed: Disputed) -> None:
    review = disputed.review(None, TEXTS[1], TEXTS[1])
    assert review.disagreement == 2 / 3


def test_different_rewrites_of_one_prompt_are_not_compared(session: Session, disputed: Disputed) -> None:
    prompt = factories.prompt(session)
    one, other = disputed.people[:2]
    say(session, factories.generation(session, one.id, TEXTS, prompt=prompt), TEXTS[0])
    say(session, factories.generation(session, other.id, ("a", "b", "c"), prompt=prompt), "b")
    looking.look(session)
    assert rows(session, Review) == []


def test_a_flag_of_one_person_is_enough_and_a_skip_or_an_attention_check_is_not(
    session: Session, disputed: Disputed
) -> None:
    person = disputed.people[0].id
    skipped: dict[str, Any] = {"verdict": "skipped", "candidate_id": None, "pairs": False}
    factories.judgment(session, factories.generation(session, person), **skipped)
    of_check = factories.prompt(session, gold_answer=TEXTS[0])
    for number, one in enumerate(disputed.people[:2]):
        screen = factories.generation(session, one.id, TEXTS, prompt=of_check, gold=True)
        factories.judgment(session, screen, candidate_id=screen.candidates[number].id, pairs=False)
    flagged = factories.judgment(session, factories.generation(session, person), flagged=True, **skipped)
    looking.look(session)
    (review,) = rows(session, Review)
    assert (review.prompt_id, review.flags, review.people) == (flagged.generation.prompt_id, 1, 0)


def test_a_review_goes_when_people_agree_again(session: Session, disputed: Disputed) -> None:
    first, _ = disputed.judged(TEXTS[0], TEXTS[1])
    looking.look(session)
    with write_transaction(session):
        session.get_one(Judgment, first.id).undone_at = now()
    looking.look(session)
    assert rows(session, Review) == []


def test_of_several_judgments_by_one_person_the_latest_counts(session: Session, disputed: Disputed) -> None:
    first, _ = disputed.judged(TEXTS[0], TEXTS[1])
    say(session, factories.generation(session, first.user_id, TEXTS, prompt=first.generation.prompt), TEXTS[1])
    looking.look(session)
    assert rows(session, Review) == []


def test_people_whom_a_file_names_are_told_apart(session: Session, disputed: Disputed) -> None:
    admin = make_person(disputed.people[0].app, session)
    prompt = factories.prompt(session)
    for name, best in (("ann", TEXTS[0]), ("ben", TEXTS[2])):
        screen = factories.generation(session, admin.id, TEXTS, prompt=prompt)
        say(session, screen, best, annotator=name, imported=True)
    looking.look(session)
    assert rows(session, Review)[0].people == 2


def test_what_is_judged_after_the_decision_is_decided_too(session: Session, disputed: Disputed) -> None:
    first, _ = disputed.judged(TEXTS[0], TEXTS[1])
    prompt = first.generation.prompt
    reviewer = make_person(disputed.people[0].app, session)
    decision = say(session, factories.generation(session, reviewer.id, TEXTS, prompt=prompt), TEXTS[2], decision=True)
    looking.look(session)
    late = say(session, factories.generation(session, disputed.people[2].id, TEXTS, prompt=prompt), TEXTS[0])
    looking.look(session)
    session.expire_all()
    assert [one.decided_by for one in rows(session, Judgment)] == [decision.id, decision.id, None, decision.id]
    (review,) = rows(session, Review)
    assert (review.state, review.decision_id, review.people) == (ReviewState.DECIDED, decision.id, 3)
    assert session.get_one(Judgment, late.id).decided_by == decision.id
