"""Verdicts and the rows that they yield."""

from __future__ import annotations

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.db import Judgment, Preference, Verdict
from app.services import judgments
from app.services.judgments import Gesture
from tests import factories
from tests.studio import Person, rows


def test_a_click_writes_one_row_per_rejected_candidate(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b", "c"], prompt=factories.prompt(session, "source"))
    judgments.judge(session, annotator.id, Gesture(screen.id, Verdict.CHOSEN, screen.candidates[1].id))
    written = rows(session, Preference)
    assert [(row.prompt, row.chosen, row.rejected) for row in written] == [("source", "b", "a"), ("source", "b", "c")]
    assert [row.weight for row in written] == [1.0, 1.0]


@pytest.mark.parametrize("verdict", [Verdict.TIE, Verdict.NONE, Verdict.SKIPPED])
def test_a_verdict_that_chooses_nothing_writes_no_row(session: Session, annotator: Person, verdict: Verdict) -> None:
    screen = factories.generation(session, annotator.id)
    judgments.judge(session, annotator.id, Gesture(screen.id, verdict))
    assert [judgment.verdict for judgment in rows(session, Judgment)] == [str(verdict)]
    assert rows(session, Preference) == []


def test_a_better_text_of_ones_own_is_preferred_to_every_candidate(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b", "c"])
    gesture = Gesture(screen.id, Verdict.EDITED, screen.candidates[2].id, "mine")
    judgments.judge(session, annotator.id, gesture)
    assert [(row.chosen, row.rejected) for row in rows(session, Preference)] == [
        ("mine", "a"),
        ("mine", "b"),
        ("mine", "c"),
    ]
    (judgment,) = rows(session, Judgment)
    assert (judgment.edited_text, judgment.candidate_id) == ("mine", screen.candidates[2].id)


def test_the_only_candidate_of_a_screen_can_be_chosen_but_beats_nobody(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a"])
    judgments.judge(session, annotator.id, Gesture(screen.id, Verdict.CHOSEN, screen.candidates[0].id))
    assert rows(session, Preference) == []


def test_a_failure_while_the_rows_are_written_leaves_nothing(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id)
    gesture = Gesture(screen.id, Verdict.CHOSEN, screen.candidates[0].id)

    class DiskFull(Exception):
        """What the second row meets."""

    def fail(_mapper: object, _connection: object, row: Preference) -> None:
        if row.rejected == "third rewrite":
            raise DiskFull

    event.listen(Preference, "before_insert", fail)
    try:
        with pytest.raises(DiskFull):
            judgments.judge(session, annotator.id, gesture)
    finally:
        event.remove(Preference, "before_insert", fail)
    assert rows(session, Judgment) == []
    assert rows(session, Preference) == []
    judgments.judge(session, annotator.id, gesture)
    assert len(rows(session, Preference)) == 2


def test_the_pairs_are_what_the_person_saw_whatever_becomes_of_the_prompt(session: Session, annotator: Person) -> None:
    prompt = factories.prompt(session, "as it was")
    screen = factories.generation(session, annotator.id, prompt=prompt)
    judgments.judge(session, annotator.id, Gesture(screen.id, Verdict.CHOSEN, screen.candidates[0].id))
    prompt.text = "as it is now"
    session.commit()
    assert {row.prompt for row in rows(session, Preference)} == {"as it was"}
