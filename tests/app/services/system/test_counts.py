"""Counts that are kept are the counts that counting gives, whatever has happened since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Prompt, Verdict
from app.services.desk import judgments
from app.services.desk.judgments import JudgmentRequest
from app.services.people import agreement, statistics
from app.services.system import counts as stored_counts
from app.services.system.counts import Kind
from tests import factories
from tests.studio import parts, rows


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session on each database in turn."""
    app: Flask = request.getfixturevalue("app" if request.param == "sqlite" else "postgres_app")
    with parts(app).sessions() as session:
        yield session


def naive(session: Session, since: int = 0) -> Counter[Kind]:
    return Counter(
        Kind(row.user_id, row.verdict, row.generation.gold, row.imported, len(row.preferences), row.annotator)
        for row in rows(session, Judgment)
        if row.undone_at is None and row.id > since
    )


def click(session: Session, person: int, gold: bool = False, **values: Any) -> int:
    screen = factories.generation(session, person, gold=gold)
    gesture = JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id)
    return judgments.judge(session, person, JudgmentRequest(screen.id, **values) if values else gesture)


def test_what_is_kept_is_what_counting_gives_after_every_kind_of_change(either: Session) -> None:
    ada, bob = factories.user(either).id, factories.user(either).id
    assert stored_counts.judgments(either) == Counter()
    first = click(either, ada)
    assert stored_counts.judgments(either) == naive(either)
    click(either, bob, gold=True)
    click(either, bob, verdict=Verdict.NONE)
    tied = factories.generation(either, ada)
    judgments.judge(
        either, ada, JudgmentRequest(tied.id, Verdict.TIE, tied=(tied.candidates[0].id, tied.candidates[2].id))
    )
    assert stored_counts.judgments(either) == naive(either)
    judgments.undo(either, ada, first)
    assert stored_counts.judgments(either) == naive(either)
    assert stored_counts.judgments(either, first) == naive(either, first)
    last = click(either, ada)
    judgments.undo(either, ada, last)
    assert stored_counts.judgments(either, first) == naive(either, first)
    assert stored_counts.judgments(either) == naive(either)
    assert stored_counts.by_person(either)[:2] == ({ada: (3, 2), bob: (2, 0)}, True)


def test_screens_and_sources_are_counted_as_they_come(either: Session) -> None:
    ada = factories.user(either).id
    for source in ("typed", "file.csv", "typed"):
        factories.generation(either, ada, prompt=factories.prompt(either, source=source))
        either.rollback()
        assert stored_counts.screens(either) == len(rows(either, Generation))
        assert stored_counts.sources(either) == Counter(row.source for row in rows(either, Prompt))


def test_habits_are_new_after_every_click_and_undo_and_the_past_stays_when_a_right_answer_changes(
    either: Session,
) -> None:
    ada = factories.user(either).id
    check = factories.prompt(either, gold_answer="first rewrite")
    screen = factories.generation(either, ada, prompt=check, gold=True)
    number = judgments.judge(either, ada, JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id))
    assert statistics.habits(either, ada).gold.part == 1
    check.gold_answer = "second rewrite"
    either.commit()
    assert statistics.habits(either, ada).gold.part == 1
    check.gold_answer = None
    either.commit()
    assert statistics.habits(either, ada).gold.whole == 0, "a check that was taken back says nothing"
    click(either, ada)
    assert statistics.habits(either, ada).judged == 2
    judgments.undo(either, ada, number)
    assert statistics.habits(either, ada).judged == 1


def test_agreement_is_measured_anew_when_somebody_judges_or_takes_back(either: Session) -> None:
    ada, bob = factories.user(either).id, factories.user(either).id
    prompt = factories.prompt(either)
    screens = [factories.generation(either, person, prompt=prompt) for person in (ada, bob)]
    made = []
    for person, screen in zip((ada, bob), screens, strict=True):
        assert agreement.measured(either).pairs == []
        made.append(
            judgments.judge(either, person, JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id))
        )
    (pair,) = agreement.measured(either).pairs
    assert (pair.one, pair.other, pair.same.part) == (ada, bob, 1)
    judgments.undo(either, bob, made[1])
    assert agreement.measured(either).pairs == []


@pytest.mark.sqlite
def test_what_was_read_before_others_wrote_is_not_kept_as_what_came_after(app: Flask) -> None:
    """A page that began to look before two people judged is told apart from one that looked afterwards."""
    sessions = parts(app).sessions
    with sessions() as early, sessions() as writing, sessions() as late:
        ada, bob = factories.user(writing).id, factories.user(writing).id
        prompt = factories.prompt(writing)
        screens = [factories.generation(writing, person, prompt=prompt) for person in (ada, bob)]
        assert early.scalar(select(func.count(Judgment.id))) == 0  # its snapshot is taken
        for person, screen in zip((ada, bob), screens, strict=True):
            judgments.judge(writing, person, JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id))
        assert stored_counts.by_person(late).exact
        assert not stored_counts.by_person(early).exact
        assert statistics.habits(early, ada).judged == 0
        assert statistics.habits(late, ada).judged == 1
        assert len(agreement.measured(late).pairs) == 1
