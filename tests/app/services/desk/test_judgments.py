"""Verdicts and the rows that they yield."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import Judgment, Preference, Verdict, Webhook, WebhookDelivery, write_transaction
from app.domain_errors import Conflict, Invalid
from app.services.desk import judgments
from app.services.desk.judgments import JudgmentRequest
from tests import factories
from tests.studio import Person, rows


def test_a_click_writes_one_row_per_rejected_candidate(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b", "c"], prompt=factories.prompt(session, "source"))
    judgments.judge(session, annotator.id, JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[1].id))
    written = rows(session, Preference)
    assert [(row.prompt, row.chosen, row.rejected) for row in written] == [("source", "b", "a"), ("source", "b", "c")]
    assert [row.weight for row in written] == [1.0, 1.0]


@pytest.mark.parametrize("verdict", [Verdict.TIE, Verdict.NONE, Verdict.SKIPPED])
def test_a_verdict_that_chooses_nothing_writes_no_row(session: Session, annotator: Person, verdict: Verdict) -> None:
    screen = factories.generation(session, annotator.id)
    judgments.judge(session, annotator.id, JudgmentRequest(screen.id, verdict))
    assert [judgment.verdict for judgment in rows(session, Judgment)] == [str(verdict)]
    assert rows(session, Preference) == []


def test_a_better_text_of_ones_own_is_preferred_to_every_candidate(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b", "c"])
    gesture = JudgmentRequest(screen.id, Verdict.EDITED, screen.candidates[2].id, "mine")
    judgments.judge(session, annotator.id, gesture)
    assert [(row.chosen, row.rejected) for row in rows(session, Preference)] == [
        ("mine", "a"),
        ("mine", "b"),
        ("mine", "c"),
    ]
    (judgment,) = rows(session, Judgment)
    assert (judgment.edited_text, judgment.candidate_id) == ("mine", screen.candidates[2].id)


def test_a_prompt_that_is_fine_is_preferred_to_each_candidate_that_says_something_else(
    session: Session, annotator: Person
) -> None:
    prompt = factories.prompt(session, "Thank you for coming.")
    screen = factories.generation(
        session, annotator.id, ["Thanks.", "Thank you for\u00a0coming.", "Go."], prompt=prompt
    )
    number = judgments.judge(session, annotator.id, JudgmentRequest(screen.id, Verdict.FINE))
    pairs = [(row.prompt, row.chosen, row.rejected, row.weight) for row in rows(session, Preference)]
    assert pairs == [(prompt.text, prompt.text, "Thanks.", 1.0), (prompt.text, prompt.text, "Go.", 1.0)]
    assert [(one.verdict, one.candidate_id, one.edited_text) for one in rows(session, Judgment)] == [
        ("fine", None, None)
    ]
    assert judgments.judge(session, annotator.id, JudgmentRequest(screen.id, Verdict.FINE)) == number
    judgments.undo(session, annotator.id, number)
    assert [one.undone_at is not None for one in rows(session, Judgment)] == [True]


def test_an_attention_check_that_is_said_to_be_fine_teaches_nothing(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, gold=True)
    judgments.judge(session, annotator.id, JudgmentRequest(screen.id, Verdict.FINE))
    assert rows(session, Preference) == []


def test_the_only_candidate_of_a_screen_can_be_chosen_but_beats_nobody(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a"])
    judgments.judge(session, annotator.id, JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id))
    assert rows(session, Preference) == []


@pytest.mark.sqlite
def test_a_failure_while_the_rows_are_written_leaves_nothing(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id)
    gesture = JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id)

    with write_transaction(session):
        session.execute(
            text(
                "CREATE TRIGGER full BEFORE INSERT ON preferences WHEN NEW.rejected = 'third rewrite'"
                " BEGIN SELECT RAISE(FAIL, 'no room for the second row'); END"
            )
        )
    with pytest.raises(IntegrityError, match="no room for the second row"):
        judgments.judge(session, annotator.id, gesture)
    with write_transaction(session):
        session.execute(text("DROP TRIGGER full"))
    assert rows(session, Judgment) == []
    assert rows(session, Preference) == []
    judgments.judge(session, annotator.id, gesture)
    assert len(rows(session, Preference)) == 2


def test_the_pairs_are_what_the_person_saw_whatever_becomes_of_the_prompt(session: Session, annotator: Person) -> None:
    prompt = factories.prompt(session, "as it was")
    screen = factories.generation(session, annotator.id, prompt=prompt)
    judgments.judge(session, annotator.id, JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id))
    prompt.text = "as it is now"
    session.commit()
    assert {row.prompt for row in rows(session, Preference)} == {"as it was"}


def pairs(session: Session) -> list[tuple[str, str, float]]:
    return [(row.chosen, row.rejected, row.weight) for row in rows(session, Preference)]


def test_in_a_tie_of_two_both_are_preferred_to_the_third_and_weigh_one_together(
    session: Session, annotator: Person
) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b", "c"])
    first, _, third = (candidate.id for candidate in screen.candidates)
    judgments.judge(session, annotator.id, JudgmentRequest(screen.id, Verdict.TIE, tied=(third, first)))
    assert rows(session, Judgment)[0].tied == [first, third]
    assert pairs(session) == [("a", "b", 0.5), ("c", "b", 0.5)]


def test_a_tie_that_names_every_candidate_is_a_tie_of_all(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id)
    named = tuple(candidate.id for candidate in screen.candidates)
    first = judgments.judge(session, annotator.id, JudgmentRequest(screen.id, Verdict.TIE, tied=named))
    assert (rows(session, Judgment)[0].tied, pairs(session)) == (None, [])
    assert judgments.judge(session, annotator.id, JudgmentRequest(screen.id, Verdict.TIE)) == first


def test_a_tie_of_others_is_another_verdict(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id)
    first, second, third = (candidate.id for candidate in screen.candidates)
    judgments.judge(session, annotator.id, JudgmentRequest(screen.id, Verdict.TIE, tied=(first, second)))
    with pytest.raises(Conflict, match=r"^This screen has another verdict already: undo that one first\.$"):
        judgments.judge(session, annotator.id, JudgmentRequest(screen.id, Verdict.TIE, tied=(first, third)))


def test_a_tie_with_a_candidate_of_another_screen_is_refused(session: Session, annotator: Person) -> None:
    screen, other = factories.generation(session, annotator.id), factories.generation(session, annotator.id)
    strange = other.candidates[0].id
    with pytest.raises(Invalid, match=rf"^Candidate {strange} is not on this screen\.$"):
        judgments.judge(
            session, annotator.id, JudgmentRequest(screen.id, Verdict.TIE, tied=(screen.candidates[0].id, strange))
        )
    assert rows(session, Judgment) == []


@pytest.mark.parametrize("verdict", [Verdict.CHOSEN, Verdict.EDITED, Verdict.TIE])
def test_an_attention_check_teaches_the_model_nothing(session: Session, annotator: Person, verdict: Verdict) -> None:
    screen = factories.generation(session, annotator.id, gold=True)
    first, second, _ = (candidate.id for candidate in screen.candidates)
    sent = {
        Verdict.CHOSEN: JudgmentRequest(screen.id, Verdict.CHOSEN, first),
        Verdict.EDITED: JudgmentRequest(screen.id, Verdict.EDITED, edited_text="mine"),
        Verdict.TIE: JudgmentRequest(screen.id, Verdict.TIE, tied=(first, second)),
    }
    judgments.judge(session, annotator.id, sent[verdict])
    assert [judgment.verdict for judgment in rows(session, Judgment)] == [str(verdict)]
    assert pairs(session) == []


KEY = "6f1b7c1e-6d0c-4a53-9f0a-0d6a4d1f5b11"


def test_a_gesture_that_is_sent_again_is_stored_once_even_if_it_was_undone_since(
    session: Session, annotator: Person
) -> None:
    screen = factories.generation(session, annotator.id)
    gesture = JudgmentRequest(screen.id, Verdict.NONE, client_key=KEY)
    first = judgments.judge(session, annotator.id, gesture)
    judgments.undo(session, annotator.id, first)
    assert judgments.judge(session, annotator.id, gesture) == first
    (stored,) = rows(session, Judgment)
    assert stored.undone_at is not None


def test_the_key_of_somebody_elses_gesture_tells_nothing_of_it(
    session: Session, annotator: Person, admin: Person
) -> None:
    theirs = factories.generation(session, admin.id)
    judgments.judge(session, admin.id, JudgmentRequest(theirs.id, Verdict.NONE, client_key=KEY))
    mine = factories.generation(session, annotator.id)
    with pytest.raises(Conflict, match=r"^That client_key belongs to another judgment\.$"):
        judgments.judge(session, annotator.id, JudgmentRequest(mine.id, Verdict.NONE, client_key=KEY))
    assert len(rows(session, Judgment)) == 1


def test_a_flagged_screen_is_skipped_with_its_reason(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id)
    judgments.judge(session, annotator.id, JudgmentRequest(screen.id, Verdict.SKIPPED, reason="a threat", flagged=True))
    (stored,) = rows(session, Judgment)
    assert (stored.verdict, stored.flagged, stored.reason) == ("skipped", True, "a threat")
    assert pairs(session) == []


def test_a_judgment_is_announced_to_the_webhooks_that_want_it(session: Session, annotator: Person) -> None:
    with write_transaction(session):
        session.add(
            Webhook(
                url="https://example.org/hear",
                secret="whsec_" + "A" * 43 + "=",
                events=["judgment.created"],
                created_by=annotator.id,
            )
        )
    screen = factories.generation(session, annotator.id)
    judgment = judgments.judge(
        session, annotator.id, JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id)
    )
    judgments.judge(session, annotator.id, JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id))
    (delivery,) = rows(session, WebhookDelivery)
    assert delivery.payload["data"] == {
        "id": judgment,
        "generation_id": screen.id,
        "user_id": annotator.id,
        "verdict": "chosen",
        "preferences": 2,
    }


KEY = "8d1f7a52-6c0d-4f44-9a41-0c5f2a3b7d10"


def test_a_key_that_was_used_for_another_screen_swallows_no_judgment(session: Session, annotator: Person) -> None:
    first, second = (factories.generation(session, annotator.id) for _ in range(2))
    judgments.judge(session, annotator.id, JudgmentRequest(first.id, Verdict.TIE, client_key=KEY))
    with pytest.raises(Conflict, match=r"^That client_key belongs to another judgment\.$"):
        judgments.judge(session, annotator.id, JudgmentRequest(second.id, Verdict.TIE, client_key=KEY))
    assert [judgment.generation_id for judgment in rows(session, Judgment)] == [first.id]


def test_a_key_of_somebody_else_swallows_no_judgment(session: Session, annotator: Person) -> None:
    other = factories.user(session)
    theirs, own = factories.generation(session, other.id), factories.generation(session, annotator.id)
    judgments.judge(session, other.id, JudgmentRequest(theirs.id, Verdict.TIE, client_key=KEY))
    with pytest.raises(Conflict, match=r"^That client_key belongs to another judgment\.$"):
        judgments.judge(session, annotator.id, JudgmentRequest(own.id, Verdict.TIE, client_key=KEY))


@pytest.mark.parametrize("other", [{"reason": "another"}, {"reason": None}, {"flagged": True}])
def test_a_skip_with_another_reason_or_flag_is_another_judgment(
    session: Session, annotator: Person, other: dict[str, Any]
) -> None:
    screen = factories.generation(session, annotator.id)
    said = JudgmentRequest(screen.id, Verdict.SKIPPED, reason="no English")
    first = judgments.judge(session, annotator.id, said)
    assert judgments.judge(session, annotator.id, said) == first
    with pytest.raises(Conflict, match=r"^This screen has another verdict already: undo that one first\.$"):
        judgments.judge(session, annotator.id, structs.replace(said, **other))
    changed = judgments.judge_again(session, annotator.id, structs.replace(said, **other))
    assert changed != first
    assert judgments.judge_again(session, annotator.id, structs.replace(said, **other)) == changed
