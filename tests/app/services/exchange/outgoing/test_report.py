"""The look before an export: what is counted, and what is shown of it a page at a time."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.outgoing import report as reports
from app.services.exchange.outgoing.report import report
from tests import factories
from tests.app.services.exchange.outgoing.conftest import EMAIL, HANDLE, PHONE, TESTED, screen
from tests.studio import Person

Judged = dict[str, Judgment]


def test_what_may_not_leave_is_counted_and_shown_the_newest_first(session: Session, judged: Judged) -> None:
    found = report(session, JudgmentFilter())
    assert (found.judgments, found.with_details, found.same, found.near, found.before) == (8, 5, 1, 1, None)
    assert found.holding == {"email": 4, "phone": 2, "handle": 1}
    assert found.found == sorted((one.id for name, one in judged.items() if name != "plain"), reverse=True)
    by_id = {one.screen.id: one for one in found.findings}
    assert list(by_id) == found.found
    assert by_id[judged["cards"].id].texts == [(f"ask {HANDLE}", "ask [handle]"), (EMAIL, "[email]")]
    assert by_id[judged["reason"].id].texts == [(f"ask {EMAIL}", "ask [email]")]
    assert by_id[judged["told"].id].texts == [(f'{{"from": "{EMAIL}", "n": 1}}', '{"from": "[email]", "n": 1}')]
    assert by_id[judged["none"].id].texts == [(f"x {PHONE}", "x [phone]")]
    like = by_id[judged["near"].id].like
    assert like is not None
    assert (like.text, like.same) == (TESTED, False)


def test_a_filter_says_what_is_looked_at_and_undone_judgments_are_not(session: Session, judged: Judged) -> None:
    judged["reason"].undone_at = judged["reason"].created_at
    session.commit()
    assert report(session, JudgmentFilter(undone=None)).judgments == 7
    assert report(session, JudgmentFilter(verdict="none")).found == [judged["none"].id]


def test_pages_are_cut_from_one_look_and_another_look_goes_on_below(
    session: Session, annotator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "PAGE", 2)
    monkeypatch.setattr(reports, "SCANNED", 5)
    made = [factories.judgment(session, screen(session, annotator, f"{EMAIL} {n}")).id for n in range(7)]
    pages = [report(session, JudgmentFilter(), page=number) for number in (1, 2, 3)]
    assert [[one.screen.id for one in page.findings] for page in pages] == [made[:4:-1], made[4:2:-1], made[2:1:-1]]
    assert {(page.judgments, page.pages, page.before) for page in pages} == {(5, 3, made[2])}
    older = report(session, JudgmentFilter(), before=made[2])
    assert (older.found, older.before) == ([made[1], made[0]], None)
