"""A live comparison as it is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from app.db import write_transaction
from app.services.versions import live_comparison
from app.services.versions.live_comparison_report import how_long, latest_in_brief, report
from tests import factories


def test_wins_stand_beside_what_the_numbers_of_cards_predict(session: Session) -> None:
    comparison = factories.comparison(session)
    ann, bob = (factories.user(session, name=name).id for name in ("Ann", "Bob"))
    for person, number, new_cards in ((ann, 2, 1), (bob, 2, 2), (ann, 1, 1)):
        factories.preferred(session, person, comparison, number, new_cards=new_cards)
    found = report(session, comparison)
    assert (found.clicks, found.running) == (3, True)
    assert (found.new.number, found.new.wins, found.old.number, found.old.wins) == (2, 2, 1, 1)
    assert found.new.expected == pytest.approx(4 / 3)
    assert found.old.expected == pytest.approx(5 / 3)
    assert found.judges == (("Ann", 2), ("Bob", 1))
    assert len(found.new.evidence) == len(found.old.evidence) == 3
    assert 0 < found.new.evidence[1] < 1
    assert found.new.now == found.new.evidence[-1]
    assert found.old.evidence[1] == 0, "evidence against is no evidence"


def test_without_clicks_there_is_no_evidence_and_nothing_can_be_said(session: Session) -> None:
    found = report(session, factories.comparison(session))
    assert (found.clicks, found.new.now, found.old.now, found.left, found.judges) == (0, 0.0, 0.0, None, ())
    assert how_long(found) == "how many clicks it takes cannot be said yet, at most 500 more"


def test_it_says_about_how_many_clicks_more_and_never_more_than_there_can_be(session: Session) -> None:
    comparison = factories.comparison(session)
    people = [factories.user(session).id for _ in range(2)]
    for click in range(6):
        factories.preferred(session, people[click % 2], comparison, 2)
    found = report(session, comparison)
    assert found.left is not None
    assert 0 < found.left < 20
    assert how_long(found) in {f"about {found.left} more clicks to know", "about 20 more clicks to know"}
    with write_transaction(session):
        comparison.most_clicks = 7
    assert how_long(report(session, comparison)) == "about 1 more click to know"


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (1, "1 more click"),
        (2, "2 more clicks"),
        (10, "10 more clicks"),
        (11, "20 more clicks"),
        (95, "100 more clicks"),
    ],
)
def test_more_than_ten_clicks_are_told_in_tens(session: Session, left: int, said: str) -> None:
    found = report(session, factories.comparison(session))
    assert how_long(replace(found, left=left)) == f"about {said} to know"


def test_what_is_left_to_the_most_clicks_is_said_where_nothing_else_can_be(session: Session) -> None:
    comparison = factories.comparison(session, most_clicks=20)
    person = factories.user(session).id
    for number in (1, 1, 2):
        factories.preferred(session, person, comparison, number)
    assert how_long(report(session, comparison)) == "how many clicks it takes cannot be said yet, at most 17 more"


def test_evidence_that_decides_is_one_and_of_a_comparison_that_ended_nothing_is_left(session: Session) -> None:
    comparison = factories.comparison(session, most_clicks=30)
    nameless, named = factories.user(session), factories.user(session, name="Ann")
    for click in range(32):
        factories.preferred(session, (named if click % 2 else nameless).id, comparison, 2)
    assert report(session, comparison).left == 1, "whoever looks at the clicks next decides"
    live_comparison.stop(session, comparison.id, named.id, "It was ended by hand.")
    found = report(session, comparison)
    assert (found.running, found.left, found.clicks) == (False, None, 30), "later clicks do not count"
    assert (found.new.wins, found.new.now, found.old.wins, found.old.now) == (30, 1.0, 0, 0.0)
    assert sorted(found.judges) == sorted([(nameless.email, 15), ("Ann", 15)])


def test_a_sentence_says_how_the_latest_stands_and_how_it_ended(session: Session) -> None:
    assert latest_in_brief(session) is None
    comparison = factories.comparison(session)
    said = (
        "Versions 1 and 2 are compared live, and version 2 is live meanwhile: how many clicks it takes cannot be said "
        "yet, at most 500 more."
    )
    assert latest_in_brief(session) == latest_in_brief(session, 1) == (said, comparison.id)
    for version in (2, 2, 1):
        factories.preferred(session, factories.user(session).id, comparison, version)
    brief = latest_in_brief(session)
    assert brief is not None
    assert brief[0].endswith(
        "So far version 2 was chosen in 2 of 3, and 1 would be expected if both were equally good."
    )
    factories.version(session, 3)
    assert latest_in_brief(session, 3) is None
    live_comparison.stop(session, comparison.id, factories.user(session).id, "It was ended by hand.")
    assert latest_in_brief(session) == (
        "Live comparison of versions 1 and 2: It was ended by hand.",
        comparison.id,
    )
