from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, Generation, Judgment, Prompt, Review, ReviewState, Verdict, write_transaction
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.desk import judgments
from app.services.desk.judgment_request import JudgmentRequest
from app.services.people import agreement, reliability
from app.services.prompts import queue, studio_settings
from app.services.review import decisions, looking
from app.services.review.decision_request import DecisionRequest
from app.services.system import counts, deletions
from app.services.training import kto_rows, overview, preference_rows
from app.services.training.reward import judged, judgment_weights
from tests import factories
from tests.app.services.review.conftest import TEXTS, Disputed, say
from tests.studio import Person, rows


@pytest.fixture
def reviewer(admin: Person) -> int:
    return admin.id


def chosen(review: Review, session: Session, text: str, **values: Any) -> DecisionRequest:
    """A decision for one of the texts on the screen of the review."""
    cards = session.get_one(Generation, review.generation_id).candidates
    return DecisionRequest(
        verdict=Verdict.CHOSEN, candidate_id=next(one.id for one in cards if one.text == text), **values
    )


def learned(session: Session) -> list[tuple[str, str]]:
    """The pairs that a training would read."""
    session.rollback()
    return [(good, bad) for _, good, bad, *_ in preference_rows.preference_rows(session, 2**31 - 1)]


def test_a_decision_counts_instead_of_what_it_decides_until_it_is_taken_back(
    session: Session, disputed: Disputed, reviewer: int
) -> None:
    review = disputed.review(TEXTS[0], TEXTS[1])
    before = learned(session)
    number = decisions.decide(session, reviewer, review.id, chosen(review, session, TEXTS[2], reason="It is kinder."))
    assert learned(session) == [(TEXTS[2], TEXTS[0]), (TEXTS[2], TEXTS[1])]
    assert judged.standing(session) == [number]
    assert overview.counts(session).preferences == preference_rows.count_pairs(session, number) == 2
    assert preference_rows.new_clicks(session).judgments == 1
    decision = session.get_one(Judgment, number)
    assert (decision.decision, decision.reason, decision.user_id) == (True, "It is kinder.", reviewer)
    assert [one.decided_by for one in rows(session, Judgment)] == [number, number, None]
    decisions.undo(session, reviewer, review.id)
    assert learned(session) == before
    assert overview.counts(session).preferences == preference_rows.count_pairs(session, number) == 4
    assert rows(session, Review)[0].state == ReviewState.OPEN


def test_agreement_and_what_a_person_weighs_leave_decisions_out(
    session: Session, disputed: Disputed, reviewer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = disputed.review(TEXTS[0], TEXTS[1])
    (pair,) = agreement.measured(session).pairs
    number = decisions.decide(session, reviewer, review.id, chosen(review, session, TEXTS[0]))
    session.commit()
    assert [one.same for one in agreement.measured(session).pairs] == [pair.same]
    own = say(session, factories.generation(session, reviewer), "first rewrite")
    monkeypatch.setattr(reliability, "weights", lambda *_, **__: {str(reviewer): 0.1})
    assert judgment_weights.weights_of(session, [number, own.id]) == {number: 1.0, own.id: 0.1}


def test_a_reviewer_who_judged_the_screen_as_an_annotator_keeps_that_judgment(
    session: Session, disputed: Disputed
) -> None:
    review = disputed.review(TEXTS[0], TEXTS[1])
    first = rows(session, Judgment)[0]
    number = decisions.decide(session, first.user_id, review.id, chosen(review, session, TEXTS[1]))
    standing = [one for one in rows(session, Judgment) if one.undone_at is None]
    assert [(one.id, one.user_id == first.user_id) for one in standing if one.user_id == first.user_id] == [
        (first.id, True),
        (number, True),
    ]
    assert standing[-1].generation_id != first.generation_id


@pytest.mark.parametrize(
    ("said", "pairs"),
    [
        ({"verdict": Verdict.NONE}, 0),
        ({"verdict": Verdict.FINE}, 3),
        ({"verdict": Verdict.EDITED, "edited_text": "a better text"}, 3),
        ({"verdict": Verdict.TIE}, 0),
    ],
)
def test_it_is_decided_by_any_verdict(
    session: Session, disputed: Disputed, reviewer: int, said: dict[str, Any], pairs: int
) -> None:
    review = disputed.review(TEXTS[0], None)
    decisions.decide(session, reviewer, review.id, DecisionRequest(**said))
    assert len(learned(session)) == pairs
    texts = kto_rows.unpaired_rows(session, 2**31 - 1)
    assert len(texts) == {"none": 3, "fine": 4, "edited": 4, "tie": 0}[said["verdict"]]


def test_deciding_the_same_twice_is_one_decision_and_another_one_is_refused(
    session: Session, disputed: Disputed, reviewer: int
) -> None:
    review = disputed.review(TEXTS[0], TEXTS[1])
    said = chosen(review, session, TEXTS[0])
    number = decisions.decide(session, reviewer, review.id, said)
    assert decisions.decide(session, reviewer, review.id, said) == number
    for by, other in ((reviewer, chosen(review, session, TEXTS[1])), (disputed.people[0].id, said)):
        with pytest.raises(Conflict, match="decided already"):
            decisions.decide(session, by, review.id, other)
    with pytest.raises(Conflict, match="decided already"):
        decisions.send_back(session, reviewer, review.id)


def test_deciding_the_same_tie_twice_is_one_decision(session: Session, disputed: Disputed, reviewer: int) -> None:
    for tied, others in (([0, 2], [0, 1]), ([0, 1, 2], [1, 2])):
        review = disputed.review(TEXTS[0], TEXTS[1])
        cards = [one.id for one in session.get_one(Generation, review.generation_id).candidates]
        said, other = (
            DecisionRequest(verdict=Verdict.TIE, tied=tuple(cards[place] for place in places))
            for places in (tied, others)
        )
        number = decisions.decide(session, reviewer, review.id, said)
        assert decisions.decide(session, reviewer, review.id, said) == number
        with pytest.raises(Conflict, match="decided already"):
            decisions.decide(session, reviewer, review.id, other)


def test_what_cannot_be_decided_is_refused_and_stores_nothing(
    session: Session, disputed: Disputed, reviewer: int
) -> None:
    review = disputed.review(TEXTS[0], TEXTS[1])
    other = factories.generation(session, reviewer).candidates[0].id
    with pytest.raises(Invalid, match="not on this screen"):
        decisions.decide(session, reviewer, review.id, DecisionRequest(verdict=Verdict.CHOSEN, candidate_id=other))
    with pytest.raises(Invalid, match="as it stands"):
        decisions.decide(session, reviewer, review.id, DecisionRequest(verdict=Verdict.EDITED, edited_text=TEXTS[0]))
    with pytest.raises(NotFound, match="no review 99"):
        decisions.undo(session, reviewer, 99)
    assert len(rows(session, Judgment)) == 2
    assert len(rows(session, Generation)) == 3


def test_a_decision_is_not_undone_or_changed_as_a_judgment(session: Session, disputed: Disputed, reviewer: int) -> None:
    review = disputed.review(TEXTS[0], TEXTS[1])
    number = decisions.decide(session, reviewer, review.id, chosen(review, session, TEXTS[0]))
    screen = session.get_one(Judgment, number).generation_id
    with pytest.raises(Conflict, match="a decision of a review"):
        judgments.undo(session, reviewer, number)
    with pytest.raises(Conflict, match="a decision of a review"):
        judgments.judge_again(session, reviewer, JudgmentRequest(generation_id=screen, verdict=Verdict.NONE))


def test_a_decided_prompt_leaves_the_queue_and_comes_back_with_the_undoing(
    session: Session, disputed: Disputed, reviewer: int
) -> None:
    prompt = factories.prompt(session, queued=True, overlap=3)
    review = disputed.review(TEXTS[0], TEXTS[1], prompt=prompt)
    decisions.decide(session, reviewer, review.id, chosen(review, session, TEXTS[0]))
    assert not rows(session, Prompt)[0].queued
    decisions.undo(session, reviewer, review.id)
    assert rows(session, Prompt)[0].queued
    studio = studio_settings.settings(session)
    assert queue.left_over(session, reviewer, [], studio) is None, "the reviewer's copy is no screen of the desk"
    waiting = queue.next_waiting(session, reviewer, studio)
    assert waiting is not None
    assert waiting.id == prompt.id


def test_a_screen_that_is_sent_back_is_open_again_after_one_more_opinion(
    session: Session, disputed: Disputed, reviewer: int
) -> None:
    review = disputed.review(TEXTS[0], TEXTS[1])
    decisions.send_back(session, reviewer, review.id)
    decisions.send_back(session, reviewer, review.id)
    (prompt,) = rows(session, Prompt)
    assert (prompt.queued, prompt.overlap) == (True, 3)
    assert rows(session, Review)[0].state == ReviewState.SENT_BACK
    say(session, factories.generation(session, disputed.people[2].id, TEXTS, prompt=prompt), TEXTS[0])
    looking.look(session)
    (review,) = rows(session, Review)
    assert (review.state, review.people, review.disagreement) == (ReviewState.OPEN, 3, 2 / 3)


def test_what_was_sent_back_can_be_called_back_or_decided_and_has_its_overlap_again(
    session: Session, disputed: Disputed, reviewer: int
) -> None:
    first, second = disputed.review(TEXTS[0], TEXTS[1]), disputed.review(TEXTS[0], None)
    for review in (first, second):
        decisions.send_back(session, reviewer, review.id)
    decisions.call_back(session, reviewer, first.id)
    decisions.decide(session, reviewer, second.id, DecisionRequest(verdict=Verdict.NONE))
    assert [(one.queued, one.overlap) for one in rows(session, Prompt)] == [(False, None), (False, None)]
    assert [one.state for one in rows(session, Review)] == [ReviewState.OPEN, ReviewState.DECIDED]


@pytest.fixture
def two_of_one_prompt(session: Session, disputed: Disputed, reviewer: int) -> tuple[int, int]:
    """The ids of two reviews of a prompt with an overlap of its own, each of other rewrites, both sent back."""
    prompt = factories.prompt(session, overlap=2)
    for texts in (TEXTS, ("other rewrite", *TEXTS[1:])):
        for person, best in zip(disputed.people, texts, strict=False):
            say(session, factories.generation(session, person.id, texts, prompt=prompt), best)
    looking.look(session)
    first, second = (one.id for one in rows(session, Review))
    for number in (first, second):
        decisions.send_back(session, reviewer, number)
    return first, second


def queued(session: Session) -> list[tuple[bool, int | None]]:
    return [(one.queued, one.overlap) for one in rows(session, Prompt)]


def test_a_prompt_of_which_two_screens_are_sent_back_waits_until_both_are_called_back(
    session: Session, reviewer: int, two_of_one_prompt: tuple[int, int]
) -> None:
    assert queued(session) == [(True, 4)]
    decisions.call_back(session, reviewer, two_of_one_prompt[0])
    assert queued(session) == [(True, 4)]
    assert [one.state for one in rows(session, Review)] == [ReviewState.OPEN, ReviewState.SENT_BACK]
    decisions.call_back(session, reviewer, two_of_one_prompt[1])
    assert queued(session) == [(False, 2)]


def test_a_prompt_of_which_another_screen_is_sent_back_stays_in_the_queue_when_one_is_decided(
    session: Session, reviewer: int, two_of_one_prompt: tuple[int, int]
) -> None:
    for number, then in zip(two_of_one_prompt, [(True, 4), (False, 2)], strict=True):
        decisions.decide(session, reviewer, number, DecisionRequest(verdict=Verdict.NONE))
        assert queued(session) == [then]


def test_what_nobody_would_be_served_is_not_sent_back(session: Session, disputed: Disputed, reviewer: int) -> None:
    review = disputed.review(TEXTS[0], TEXTS[1])
    studio_settings.change(session, reviewer, {"most_skips": 1})
    (prompt,) = rows(session, Prompt)
    screen = factories.generation(session, disputed.people[2].id, TEXTS, prompt=prompt)
    factories.judgment(session, screen, pairs=False, verdict="skipped", candidate_id=None)
    with pytest.raises(Conflict, match="nobody else is asked"):
        decisions.send_back(session, reviewer, review.id)
    assert rows(session, Review)[0].state == ReviewState.OPEN


def test_the_audit_log_says_who_decided_what(session: Session, disputed: Disputed, reviewer: int) -> None:
    review = disputed.review(TEXTS[0], TEXTS[1])
    decisions.send_back(session, reviewer, review.id)
    decisions.call_back(session, reviewer, review.id)
    number = decisions.decide(session, reviewer, review.id, chosen(review, session, TEXTS[0]))
    decisions.undo(session, reviewer, review.id)
    entries = [(one.action, one.subject, one.user_id) for one in rows(session, AuditEvent)]
    assert entries == [
        (f"review.{done}", f"review {review.id}", reviewer)
        for done in ("sent_back", "called_back", "decided", "undone")
    ]
    details = rows(session, AuditEvent)[2].details
    assert details == {"prompt": review.prompt_id, "judgment": number, "verdict": "chosen"}


def test_deleting_the_decision_lets_what_it_decided_count_again(
    session: Session, disputed: Disputed, reviewer: int
) -> None:
    review = disputed.review(TEXTS[0], TEXTS[1])
    before = learned(session)
    number = decisions.decide(session, reviewer, review.id, chosen(review, session, TEXTS[2]))
    with write_transaction(session):
        deletions.delete_screens(session, [session.get_one(Judgment, number).generation_id])
    assert learned(session) == before
    looking.look(session)
    (review,) = rows(session, Review)
    assert (review.state, review.decision_id) == (ReviewState.OPEN, None)


def test_a_decision_outlives_the_judgments_that_it_decides(session: Session, disputed: Disputed, reviewer: int) -> None:
    review = disputed.review(TEXTS[0], TEXTS[1])
    number = decisions.decide(session, reviewer, review.id, chosen(review, session, TEXTS[2]))
    screens = [one.generation_id for one in rows(session, Judgment) if one.id != number]
    with write_transaction(session):
        deletions.delete_screens(session, screens)
    looking.look(session)
    (review,) = rows(session, Review)
    assert (review.state, review.people, review.decision_id) == (ReviewState.DECIDED, 0, number)
    assert len(learned(session)) == 2


def test_a_hurried_judgment_that_is_decided_is_counted_once(
    session: Session, disputed: Disputed, reviewer: int
) -> None:
    studio_settings.store(session, reviewer, {"least_seconds": 2.0})
    review = disputed.review(TEXTS[0], TEXTS[1], seconds=0.5)
    disputed.judged(TEXTS[0], seconds=9.0)
    decisions.decide(session, reviewer, review.id, chosen(review, session, TEXTS[0]))
    session.rollback()
    new = preference_rows.new_clicks(session)
    assert (new.judgments, new.hurried) == (2, 0)
    assert counts.said(counts.judgments(session)).judgments == 4
