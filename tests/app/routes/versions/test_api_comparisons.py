"""The admin's API for live comparisons over HTTP."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.services.versions import live_comparison
from tests import factories
from tests.app.routes.desk.test_api import body, problem
from tests.studio import Person


def test_comparisons_are_listed_with_the_latest_first(session: Session, admin: Person) -> None:
    assert admin.call("GET", "/comparisons").json == []
    first = factories.comparison(session)
    live_comparison.stop(session, first.id, admin.id, "It was ended by hand.")
    second = factories.comparison(session)
    answer = admin.call("GET", "/comparisons").json
    assert answer is not None
    assert [(one["id"], one["state"]) for one in answer] == [(second.id, "running"), (first.id, "ended")]
    assert body(admin.call("GET", f"/comparisons/{first.id}"), 200) == answer[1]


def test_one_is_shown_with_what_its_clicks_say(session: Session, admin: Person, annotator: Person) -> None:
    comparison = factories.comparison(session)
    for number in (2, 2, 1):
        factories.preferred(session, annotator.id, comparison, number)
    one = body(admin.call("GET", f"/comparisons/{comparison.id}"), 200)
    assert one.pop("started_at").endswith("+00:00")
    evidence = one.pop("evidence")
    assert 0 < evidence["new"] < 1
    assert evidence["old"] == 0
    assert one == {
        "id": comparison.id,
        "old": 1,
        "new": 2,
        "serving": 2,
        "state": "running",
        "outcome": None,
        "reason": None,
        "clicks": 3,
        "most_clicks": 500,
        "clicks_left": one["clicks_left"],
        "wins": {"old": 1, "new": 2},
        "expected": {"old": 2.0, "new": 1.0},
        "people": 1,
        "ended_at": None,
    }


def test_one_that_is_not_there_is_not_found(admin: Person) -> None:
    assert problem(admin.call("GET", "/comparisons/9")) == (404, "There is no comparison 9.")
