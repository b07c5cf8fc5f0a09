"""The figures of the admin's first page are those that counting gives."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, RunStatus, Verdict
from app.services.desk import judgments
from app.services.desk.judgments import JudgmentRequest
from app.services.training import overview
from tests import factories
from tests.studio import rows


def click(session: Session, person: int, gold: bool = False, **values: Any) -> int:
    screen = factories.generation(session, person, gold=gold)
    gesture = JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id)
    return judgments.judge(session, person, JudgmentRequest(screen.id, **values) if values else gesture)


def test_the_first_page_says_what_counting_gives(either: Session) -> None:
    ada = factories.user(either).id
    first = click(either, ada)
    click(either, ada, verdict=Verdict.NONE)
    click(either, ada, gold=True)
    judgments.undo(either, ada, first)
    click(either, ada)
    counts = overview.counts(either)
    standing = [row for row in rows(either, Judgment) if row.undone_at is None]
    assert len(standing) == 3
    assert counts.judgments == 2, "without the attention check"
    assert counts.chosen == 1
    assert counts.preferences == sum(len(row.preferences) for row in standing) == 2
    assert counts.new_judgments == 1
    assert counts.generations == 4


def test_in_an_empty_studio_every_figure_is_nought(either: Session) -> None:
    assert overview.counts(either) == overview.Counts(0, 0, 0, 0, 0, 0, 0)


def test_only_people_who_may_sign_in_and_prompts_that_wait_are_counted(either: Session) -> None:
    factories.user(either)
    factories.user(either, active=False)
    factories.prompt(either, queued=True)
    factories.prompt(either)
    counts = overview.counts(either)
    assert (counts.people, counts.queued_prompts) == (1, 1)


def test_what_a_run_that_ended_well_has_learned_is_not_new(either: Session) -> None:
    ada = factories.user(either).id
    learned = click(either, ada)
    factories.run(either, RunStatus.SUCCEEDED, last_judgment_id=learned)
    assert overview.counts(either).new_judgments == 0
    click(either, ada)
    counts = overview.counts(either)
    assert (counts.judgments, counts.new_judgments) == (2, 1)


def test_runs_are_listed_in_windows_by_any_column(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MOST", 2)
    made = [
        factories.run(session, RunStatus.SUCCEEDED, pairs=number, produced_version=number).id for number in (5, 9, 7)
    ]
    first = overview.runs_window(session, sort="pairs")
    assert (first.rows, first.further) == ([(made[2], 7), (made[1], 9)], {"before": str(made[1])})
    assert overview.runs_window(session, made[1], "status").rows == [(made[0], "succeeded")]
    assert [run.id for run in overview.runs_listed(session, [made[0], 99, made[2]])] == [made[0], made[2]]
