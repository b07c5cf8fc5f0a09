"""What SQLite forgives and PostgreSQL does not, and what is done there in another way."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Judgment, Role, RunMetric
from app.domain_errors import Conflict
from app.services.exchange import exports
from app.services.people import accounts, api_tokens, invitations, password_resets, statistics
from app.services.training import runs
from tests import factories
from tests.studio import Browser, Person, make_person, parts, rows


@pytest.fixture
def session(postgres_app: Flask) -> Iterator[Session]:
    with parts(postgres_app).sessions() as session:
        yield session


@pytest.fixture
def admin(postgres_app: Flask, session: Session) -> Person:
    return make_person(postgres_app, session, Role.ADMIN)


def test_what_no_database_can_store_or_look_for_is_refused_like_anything_else(
    postgres_app: Flask, session: Session, admin: Person
) -> None:
    visitor = Browser(postgres_app.test_client())
    assert visitor.submit("/sign-in", {"email": "ada\x00@example.org", "password": "x"}).status_code == 403
    form = {"email": "nina\x00@example.org", "name": "Nina", "password": factories.PASSWORD, "role": "annotator"}
    browser = admin.browser()
    assert browser.submit("/admin/people", form).status_code == 422
    assert browser.submit("/admin/people", form | {"email": "n@example.org", "name": "N\x00"}).status_code == 422
    assert admin.post("/generations", {"text": "a\x00b"}).status_code == 422
    for number in (2**31, 2**63, 10**30):
        assert admin.call("GET", f"/versions/{number}").status_code == 404
        assert admin.call("PUT", "/aliases/serving", json={"version": number}).status_code == 404
        sent = {"generation_id": number, "verdict": "tie"}
        assert admin.post("/judgments", sent).status_code == 422
    report = admin.post("/prompts", ["a\x00b", "one", "one"]).json
    sentence = "The text holds characters that cannot be stored."
    assert report == {"added": 1, "duplicates": 1, "systems": 0, "rejected": [{"line": 1, "reason": sentence}]}


@pytest.mark.parametrize(
    "address",
    ["/admin/people/imported?name=%00", "/admin/people/imported/export?name=%00", "/admin/system/audit?action=%00"],
)
def test_what_cannot_even_be_looked_for_is_said_on_pages(admin: Person, address: str) -> None:
    answer = admin.browser().get(address)
    assert answer.status_code == 422
    assert "The text holds characters that cannot be stored." in answer.text


def test_an_export_is_streamed_from_the_server_and_holds_what_stands(session: Session, admin: Person) -> None:
    screen = factories.generation(session, admin.id, ["a", "b"])
    session.add_all(
        Judgment(
            generation_id=screen.id,
            user_id=admin.id,
            verdict="tie",
            undone_at=None if number == 0 else screen.created_at,
            preferences=[factories.preference(rejected=str(number))],
        )
        for number in range(1_500)
    )
    session.commit()
    lines = admin.call("GET", "/preferences").text.splitlines()
    assert [json.loads(line)["rejected"] for line in lines] == ["0"]
    assert list(exports.stream(session, "trl")) == [f"{line}\n" for line in lines]


def test_a_run_lives_and_ends(session: Session, admin: Person) -> None:
    factories.judgment(session, factories.generation(session, admin.id, ["a", "b", "c"]))
    factories.serving(session)
    answer = admin.post("/training-runs", {"method": "dpo"})
    assert answer.status_code == 202, answer.text
    assert answer.json is not None
    run = runs.get(session, answer.json["id"])
    assert runs.claim(session, run.id) == 1
    factories.metric(session, run.id, value=0.5)
    runs.fail(session, run.id, 1, "The disk is full.")
    events = admin.call("GET", f"/training-runs/{run.id}/events").text
    assert "event: metric" in events
    assert "The disk is full." in events
    assert events.endswith("event: end\ndata: {}\n\n")
    assert [metric.value for metric in rows(session, RunMetric)] == [0.5]
    assert admin.call("GET", f"/training-runs/{run.id}").json["status"] == "failed"  # type: ignore[index]


def test_people_are_invited_and_their_habits_and_agreement_known(session: Session, admin: Person) -> None:
    _, token = invitations.invite(session, admin.id, "annotator", "", 7)
    joined = invitations.accept(session, token, "grace@example.org", "", factories.PASSWORD)
    prompt = factories.prompt(session, gold_answer="a")
    for person_id in (admin.id, joined.id):
        for gold in (False, True):
            screen = factories.generation(session, person_id, ["a", "b", "c"], prompt=prompt, gold=gold)
            factories.judgment(session, screen, pairs=False, seconds=2.0)
    page = admin.browser().get("/admin/people").text
    assert "On 1 prompt everybody gave the same kind of verdict" in page
    habits = statistics.habits(session, joined.id)
    assert (habits.gold.part, habits.gold.whole, habits.positions.counts) == (1, 1, (2, 0, 0))
    assert admin.browser().get(f"/admin/people/{joined.id}?only=gold").status_code == 200
    accounts.set_role(session, admin.id, joined.id, "admin")
    accounts.set_role(session, admin.id, joined.id, "annotator")
    with pytest.raises(Conflict):
        accounts.set_role(session, admin.id, admin.id, "annotator")


def test_sessions_and_reset_links_live_and_end(postgres_app: Flask, session: Session, admin: Person) -> None:
    one, other = admin.browser(), admin.browser()
    assert "Sign out elsewhere" in one.get("/account").text
    one.submit("/account/sessions/end", {}, page="/account")
    assert [browser.get("/admin/people").status_code for browser in (one, other)] == [200, 302]
    person = make_person(postgres_app, session)
    theirs = person.browser()
    _, token = password_resets.make(session, admin.id, person.id)
    password_resets.use(session, token, "nine quiet otters")
    assert theirs.get("/annotate").status_code == 302
    one.submit("/sign-out", {})
    assert one.get("/account").status_code == 302


def test_the_system_page_says_how_postgresql_is_backed_up(session: Session, admin: Person) -> None:
    page = admin.browser().get("/admin/system").text
    assert 'back it up with <code translate="no">pg_dump</code>' in page
    assert "Back up now" not in page
    answer = admin.browser().submit("/admin/system/backups", {}, follow_redirects=True)
    assert "The database is PostgreSQL: back it up with pg_dump" in answer.text
    assert "role.changed" not in admin.browser().get("/admin/system/audit?subject=x&since=2026-01-01").text


def test_a_token_is_made_once_used_listed_and_revoked(session: Session, admin: Person) -> None:
    token, secret = api_tokens.make(session, admin.id, "a notebook", ["read"], 7, form_key="0" * 32)
    with pytest.raises(Conflict, match="no second one was made"):
        api_tokens.make(session, admin.id, "a notebook", ["read"], 7, form_key="0" * 32)
    program = Person(admin.app, admin.id, admin.email, secret)
    assert program.call("GET", "/tokens").status_code == 200
    session.rollback()
    assert [one.last_used_at is None for one in api_tokens.of_person(session, admin.id)] == [False, False]
    api_tokens.revoke(session, admin.id, admin.id, token.id)
    assert program.call("GET", "/tokens").status_code == 401
    assert [api_tokens.state(one) for one in api_tokens.of_person(session, admin.id)] == ["in force", "revoked"]
