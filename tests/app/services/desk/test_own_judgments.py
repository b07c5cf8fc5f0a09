"""A person's own judgments: found again, taken back, said again, said otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, Preference, Verdict
from app.domain_errors import Invalid, NotFound
from app.services.desk import judgments, own_judgments
from app.services.desk.judgments import JudgmentRequest
from app.services.desk.own_judgments import Filters
from tests import factories
from tests.studio import Person, rows

UTC_ZONE = ZoneInfo("UTC")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def judged(session: Session, user_id: int, source: str = "", texts: str = "a b c", **values: Any) -> Judgment:
    prompt = factories.prompt(session, source or None)
    screen = factories.generation(session, user_id, texts.split(), prompt=prompt)
    return factories.judgment(session, screen, **values)


def found(session: Session, user_id: int, below: int | None = None, **query: str) -> list[int]:
    page = own_judgments.page(session, user_id, Filters.parse(query), UTC_ZONE, below)
    return [judgment.id for judgment in page.judgments]


def test_ones_own_judgments_come_newest_first_and_nobody_elses(session: Session, annotator: Person) -> None:
    old = judged(session, annotator.id, created_at=NOON - timedelta(days=1))
    new = judged(session, annotator.id, created_at=NOON)
    judged(session, factories.user(session).id)
    assert found(session, annotator.id) == [new.id, old.id]


def test_the_pages_hold_every_judgment_once_also_those_of_one_moment(session: Session, annotator: Person) -> None:
    made = [judged(session, annotator.id, created_at=NOON, pairs=False).id for _ in range(2 * own_judgments.PAGE + 1)]
    seen: list[int] = []
    below = None
    while True:
        page = own_judgments.page(session, annotator.id, Filters(), UTC_ZONE, below)
        seen += [judgment.id for judgment in page.judgments]
        below = page.older
        if below is None:
            break
    assert seen == sorted(made, reverse=True)


def test_going_on_below_somebody_elses_judgment_is_refused(session: Session, annotator: Person) -> None:
    other = judged(session, factories.user(session).id)
    with pytest.raises(NotFound, match=rf"^There is no judgment {other.id} of yours\.$"):
        found(session, annotator.id, below=other.id)


def test_each_filter_leaves_out_what_does_not_fit(session: Session, annotator: Person) -> None:
    chosen = judged(session, annotator.id, "You 100%_idiot", created_at=NOON)
    screen = factories.generation(session, annotator.id, ["Quiet PLEASE", "x", "y"])
    edited = factories.judgment(
        session, screen, verdict="edited", candidate_id=None, edited_text="Be calm", created_at=NOON - timedelta(days=1)
    )
    flagged = judged(session, annotator.id, verdict="skipped", candidate_id=None, flagged=True, pairs=False)
    undone = judged(session, annotator.id, undone_at=NOON, created_at=NOON)
    me = annotator.id
    assert found(session, me, verdict="edited") == [edited.id]
    assert found(session, me, verdict="flagged") == [flagged.id]
    assert found(session, me, verdict="skipped") == [flagged.id]
    assert found(session, me, day="2026-03-10") == [chosen.id]
    assert found(session, me, day="2026-03-10", state="all") == [undone.id, chosen.id]
    assert found(session, me, state="undone") == [undone.id]
    for text in ("100%_IDIOT", "idiot"):  # the source
        assert found(session, me, text=text) == [chosen.id]
    for text in ("quiet please", "be calm"):  # a rewrite, one's own text
        assert found(session, me, text=text) == [edited.id]
    assert found(session, me, text="1%0") == []  # a percent sign is a percent sign


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ({"verdict": "best"}, "There is no verdict 'best'."),
        ({"day": "yesterday"}, "day must be a day such as 2026-01-31."),
        ({"day": "0001-01-01"}, "day must be a day such as 2026-01-31."),
        ({"day": "9999-12-31"}, "day must be a day such as 2026-01-31."),
        ({"text": "x" * 201}, "Search for at most 200 characters."),
        ({"text": "a\x00b"}, "Search for at most 200 characters."),
        ({"state": "gone"}, "state must be one of standing, imported, undone, all."),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(query: dict[str, str], refusal: str) -> None:
    with pytest.raises(Invalid) as refused:
        Filters.parse(query)
    assert str(refused.value) == refusal


def test_filters_come_back_from_their_own_query() -> None:
    filters = Filters(verdict="tie", day=date(2026, 3, 10), text="a & b", state="all")
    assert Filters.parse(filters.as_query()) == filters
    assert Filters().as_query() == {}


def test_said_again_the_pairs_count_again_and_history_is_kept(session: Session, annotator: Person) -> None:
    judgment = judged(session, annotator.id, "source", seconds=4.0)
    judgments.undo(session, annotator.id, judgment.id)
    body = own_judgments.same_again(judgment)
    assert body == {
        "generation_id": judgment.generation_id,
        "verdict": "chosen",
        "candidate_id": judgment.candidate_id,
        "flagged": False,
        "seconds": 4.0,
    }
    gesture = JudgmentRequest.parse(body, 1000)
    again = session.get_one(Judgment, judgments.judge_again(session, annotator.id, gesture))
    assert again.id != judgment.id
    assert [(row.id, row.undone_at is None) for row in rows(session, Judgment)] == [
        (judgment.id, False),
        (again.id, True),
    ]
    assert again.seconds == 4.0
    pairs = [(row.chosen, row.rejected) for row in rows(session, Preference) if row.judgment_id == again.id]
    assert pairs == [("a", "b"), ("a", "c")]


@pytest.mark.parametrize(
    "values",
    [
        {"verdict": "none", "candidate_id": None},
        {"verdict": "tie", "candidate_id": None},
        {"verdict": "edited", "edited_text": "mine"},
        {"verdict": "edited", "candidate_id": None, "edited_text": "mine"},
        {"verdict": "skipped", "candidate_id": None, "reason": "why not", "flagged": True},
    ],
)
def test_every_verdict_can_be_said_again(session: Session, annotator: Person, values: dict[str, Any]) -> None:
    judgment = judged(session, annotator.id, undone_at=NOON, pairs=False, **values)
    gesture = JudgmentRequest.parse(own_judgments.same_again(judgment), 1000)
    again = session.get_one(Judgment, judgments.judge_again(session, annotator.id, gesture))
    for name in ("verdict", "candidate_id", "edited_text", "reason", "flagged", "tied"):
        assert getattr(again, name) == getattr(judgment, name)


def test_a_change_takes_the_place_of_what_stands_in_one_step(session: Session, annotator: Person) -> None:
    judgment = judged(session, annotator.id)
    number = judgments.judge_again(session, annotator.id, JudgmentRequest(judgment.generation_id, Verdict.NONE))
    changed = session.get_one(Judgment, number)
    standing = [row.id for row in rows(session, Judgment) if row.undone_at is None]
    assert standing == [changed.id]
    undone = rows(session, Judgment)[0]
    assert own_judgments.superseded(session, annotator.id, [undone]) == {judgment.id: changed.id}
    assert own_judgments.superseded(session, annotator.id, [changed]) == {}


def test_saying_what_stands_already_changes_nothing(session: Session, annotator: Person) -> None:
    judgment = judged(session, annotator.id)
    gesture = JudgmentRequest(judgment.generation_id, Verdict.CHOSEN, judgment.candidate_id)
    assert judgments.judge_again(session, annotator.id, gesture) == judgment.id
    assert len(rows(session, Judgment)) == 1


def test_a_change_that_cannot_be_made_leaves_what_stood(session: Session, annotator: Person) -> None:
    judgment = judged(session, annotator.id)
    with pytest.raises(Invalid, match=r"^Candidate 4711 is not on this screen\.$"):
        judgments.judge_again(session, annotator.id, JudgmentRequest(judgment.generation_id, Verdict.CHOSEN, 4711))
    assert [(row.id, row.undone_at) for row in rows(session, Judgment)] == [(judgment.id, None)]


def test_nobody_says_something_else_of_another_persons_screen(session: Session, annotator: Person) -> None:
    other = judged(session, factories.user(session).id)
    with pytest.raises(NotFound, match=rf"^There is no generation {other.generation_id} of yours\.$"):
        judgments.judge_again(session, annotator.id, JudgmentRequest(other.generation_id, Verdict.NONE))
    with pytest.raises(NotFound, match=rf"^There is no judgment {other.id} of yours\.$"):
        own_judgments.own(session, annotator.id, other.id)
