"""Who may call what, asked of every route there is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.db import ApiToken, User
from app.entrance.endpoints import ANNOTATOR, PERSONAL, PROJECT_ADMIN, PUBLIC, REVIEWER
from app.extensions import db
from app.services.people import accounts, api_tokens
from tests import factories
from tests.app.entrance.walk import Call, calls
from tests.studio import Browser, Person, rows

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """The SQL of every statement, as SQLite meets it; of the pool's present connections and later ones."""
    seen: list[str] = []

    def watch(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_trace_callback(seen.append)

    with app.app_context():
        engine = db.engine
    engine.dispose()
    event.listen(engine, "connect", watch)
    yield seen
    event.remove(engine, "connect", watch)


def for_admins(app: Flask) -> list[Call]:
    return [call for call in calls(app) if call.endpoint not in PUBLIC | PERSONAL | ANNOTATOR]


def test_the_lists_of_open_endpoints_name_only_endpoints_that_exist(app: Flask) -> None:
    lists = (PUBLIC, PERSONAL, ANNOTATOR, REVIEWER, PROJECT_ADMIN)
    assert frozenset().union(*lists) - set(app.view_functions) == set()
    assert sum(map(len, lists)) == len(frozenset().union(*lists)), "each stands in one list"


def test_what_is_open_to_everyone_and_to_annotators_is_exactly_this() -> None:
    """Opening one more endpoint shall take two edits, one of them here."""
    assert {name for name in PUBLIC if "static" not in name} == {
        "auth.sign_in",
        "auth.setup",
        "typeface.file",
        "script_words.file",
        "factors.code",
        "organisation.leave",
        "organisation.back",
        "join.page",
        "reset.page",
        "health.healthz",
        "health.readyz",
        "health.metrics",
        "openapi.document",
    }
    assert {
        "annotate.home",
        "annotate.page",
        "api_projects.list_projects",
        "auth.sign_out",
        "auth.account",
        "auth.export",
        "auth.new_token",
        "auth.revoke_token",
        "auth.change_password",
        "auth.change_profile",
        "auth.change_theme",
        "auth.change_language",
        "auth.end_session",
        "auth.end_other_sessions",
        "factors.page",
        "factors.draw",
        "factors.confirm",
        "factors.renew_codes",
        "factors.switch_off",
        "api_annotate.create_generation",
        "api_annotate.create_judgment",
        "api_annotate.undo_judgment",
        "api_me.me",
        "api_me.change_me",
        "api_me.read_guidelines",
        "api_hours.export_own_hours",
        "api_tokens.list_tokens",
        "api_tokens.make_token",
        "api_tokens.revoke_token",
        "work.page",
        "work.undo",
        "work.redo",
        "work.change",
        "help.home",
        "help.page",
    } == PERSONAL | ANNOTATOR
    assert {
        "review.page",
        "review.case",
        "review.decide",
        "review.undo",
        "review.send_back",
        "review.call_back",
        "api_reviews.list_reviews",
        "api_reviews.read_review",
        "api_reviews.decide",
        "api_reviews.undo",
        "api_reviews.send_back",
        "api_reviews.call_back",
    } == REVIEWER


def test_there_are_admin_routes_to_walk(app: Flask) -> None:
    walked = for_admins(app)
    assert len(walked) > 15
    assert {call.method for call in walked} >= {"GET", "POST", "PUT"}


def test_an_annotator_with_a_cookie_is_forbidden_every_admin_route(app: Flask, annotator: Person) -> None:
    browser = annotator.browser()
    statuses = {call: browser.client.open(call.path, method=call.method).status_code for call in for_admins(app)}
    assert statuses == dict.fromkeys(statuses, 403)


def test_an_annotator_with_a_token_is_forbidden_every_admin_api(app: Flask, annotator: Person) -> None:
    api = [call for call in for_admins(app) if call.is_api]
    statuses = {call: annotator.call(call.method, call.path.removeprefix("/api/v1")).status_code for call in api}
    assert statuses == dict.fromkeys(statuses, 403)
    assert len(statuses) > 8


SCOPES = [("annotate",), ("read",), ("admin",), ("annotate", "read")]


def allowed(call: Call, scopes: tuple[str, ...]) -> bool:
    return (
        "admin" in scopes
        or ("read" in scopes and call.method == "GET")
        or ("annotate" in scopes and call.endpoint in PERSONAL | ANNOTATOR | REVIEWER)
    )


@pytest.mark.parametrize("scopes", SCOPES, ids=" and ".join)
def test_a_token_calls_what_its_scopes_allow_and_a_refusal_names_the_scope(
    app: Flask, session: Session, admin: Person, scopes: tuple[str, ...]
) -> None:
    _, secret = api_tokens.make(session, admin.id, "some", scopes, 7)
    program = Person(app, admin.id, admin.email, secret)
    walked = [call for call in calls(app) if call.is_api and call.endpoint not in PUBLIC and "events" not in call.path]
    assert len(walked) > 30
    for call in walked:
        answer = program.call(call.method, call.path.removeprefix("/api/v1"))
        refused = answer.status_code == 403 and "it lacks the scope" in answer.text
        assert refused != allowed(call, scopes), call


def test_the_sentence_of_a_missing_scope(session: Session, app: Flask, admin: Person) -> None:
    _, secret = api_tokens.make(session, admin.id, "some", ["annotate"], 7)
    program = Person(app, admin.id, admin.email, secret)
    reading = program.call("GET", "/versions").json
    assert reading is not None
    assert reading["detail"] == "This API token may not do that: it lacks the scope read or admin."
    writing = program.post("/prompts", ["you are stupid"]).json
    assert writing is not None
    assert writing["detail"] == "This API token may not do that: it lacks the scope admin."


def test_a_token_gives_no_more_than_its_owners_role(session: Session, app: Flask, admin: Person) -> None:
    _, secret = api_tokens.make(session, admin.id, "some", ["admin"], 7)
    program = Person(app, admin.id, admin.email, secret)
    assert program.call("GET", "/versions").status_code == 200
    user = session.get_one(User, admin.id)
    user.role = "annotator"
    session.commit()
    answer = program.call("GET", "/versions")
    assert (answer.status_code, answer.get_json()["detail"]) == (403, "This is for admins.")
    assert program.call("GET", "/me").status_code == 200


def test_the_use_of_a_token_is_noted(session: Session, app: Flask, admin: Person) -> None:
    _, secret = api_tokens.make(session, admin.id, "some", ["read"], 7)
    program = Person(app, admin.id, admin.email, secret)
    program.post("/prompts", ["you are stupid"])
    assert rows(session, ApiToken)[-1].last_used_at is None, "what is refused is no use"
    program.call("GET", "/versions")
    assert rows(session, ApiToken)[-1].last_used_at is not None


def test_a_token_opens_no_page(app: Flask, admin: Person) -> None:
    answer = app.test_client().get("/admin", headers={"Authorization": f"Bearer {admin.token}"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in?next=/admin")


def test_without_signing_in_the_api_answers_401_and_a_page_leads_to_signing_in(app: Flask) -> None:
    client = app.test_client()
    for call in calls(app):
        if call.endpoint in PUBLIC:
            continue
        answer = client.open(call.path, method=call.method)
        if call.is_api:
            assert answer.status_code == 401, call
            assert answer.headers["WWW-Authenticate"] == "Bearer", call
            assert answer.content_type == "application/problem+json", call
        else:
            assert answer.status_code == 302, call
            assert answer.headers["Location"].startswith("/sign-in"), call


def test_every_unsafe_call_with_a_cookie_needs_the_csrf_token(app: Flask, admin: Person) -> None:
    client = admin.browser().client
    unsafe = [call for call in calls(app) if call.method in UNSAFE]
    answers = {call: client.open(call.path, method=call.method) for call in unsafe}
    assert len(answers) > 12
    for call, answer in answers.items():
        assert answer.status_code == 400, call
        assert "This form is out of date or came from elsewhere" in answer.text, call


def test_also_signing_in_and_setting_up_need_the_csrf_token(app: Flask) -> None:
    for path in ("/sign-in", "/setup"):
        assert app.test_client().post(path, data={"email": "a@b", "password": "x"}).status_code == 400


def test_no_unsafe_call_with_a_token_needs_a_csrf_token(app: Flask, admin: Person) -> None:
    unsafe = [call for call in calls(app) if call.method in UNSAFE and call.is_api]
    unsafe.sort(key=lambda call: call.endpoint == "api_tokens.revoke_token")  # last: it is the token of all these calls
    assert len(unsafe) > 6
    for call in unsafe:
        answer = admin.call(call.method, call.path.removeprefix("/api/v1"))
        assert "This form is out of date" not in answer.text, call
        assert answer.status_code not in (401, 403), call


def test_with_the_csrf_token_in_its_header_a_cookie_may_call_the_api(admin: Person) -> None:
    browser = admin.browser()
    headers = {"X-CSRFToken": browser.csrf_token("/annotate")}
    answer = browser.client.post("/api/v1/prompts", json=["you are stupid"], headers=headers)
    assert (answer.status_code, answer.json) == (201, {"added": 1, "duplicates": 0, "systems": 0, "rejected": []})


def test_the_csrf_token_of_another_session_is_refused(annotator: Person, admin: Person) -> None:
    foreign = annotator.browser().csrf_token("/annotate")
    answer = admin.browser().client.post("/account/token", data={"csrf_token": foreign})
    assert answer.status_code == 400


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Bearer", "Basic YTpi", "", "bearer\tx"])
def test_a_bad_token_is_refused_whatever_the_cookie_says(annotator: Person, header: str) -> None:
    browser = annotator.browser()
    token = browser.csrf_token("/annotate")
    answer = browser.client.post("/api/v1/judgments", json={}, headers={"Authorization": header, "X-CSRFToken": token})
    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["detail"] == "That API token is not known."


def test_the_scheme_of_a_token_may_be_written_in_any_case(app: Flask, admin: Person) -> None:
    answer = app.test_client().get("/api/v1/versions", headers={"Authorization": f"bearer {admin.token}"})
    assert (answer.status_code, answer.json) == (200, [])


def test_a_call_with_a_token_sets_no_cookie(admin: Person) -> None:
    assert "Set-Cookie" not in admin.call("GET", "/versions").headers


def test_the_person_of_one_call_is_not_the_person_of_the_next(app: Flask, admin: Person) -> None:
    client = app.test_client()
    assert client.get("/api/v1/versions", headers={"Authorization": f"Bearer {admin.token}"}).status_code == 200
    assert client.get("/api/v1/versions").status_code == 401


def test_a_deactivated_person_is_out_at_once(app: Flask, session: Session, annotator: Person, admin: Person) -> None:
    browser = annotator.browser()
    assert browser.get("/annotate").status_code == 200
    assert annotator.post("/judgments", {}).status_code == 422
    accounts.set_active(session, admin.id, annotator.id, False)
    assert browser.get("/annotate").headers["Location"] == "/sign-in?next=/annotate"
    assert annotator.post("/judgments", {}).status_code == 401
    form = {"email": annotator.email, "password": factories.PASSWORD}
    assert Browser(app.test_client()).submit("/sign-in", form).status_code == 403


def test_a_form_sent_after_the_session_has_ended_leads_back_to_its_page_with_a_word(app: Flask, admin: Person) -> None:
    browser = Browser(app.test_client())
    page = f"{browser.base_url}/admin/versions/1"
    for referrer, leads_to in (
        (page, "/sign-in?next=/admin/versions/1"),
        (f"{browser.base_url}/work?verdict=tie", "/sign-in?next=/work?verdict%3Dtie"),
        (f"{page}/note", "/sign-in"),
        ("https://evil.example/x", "/sign-in"),
    ):
        answer = browser.client.post(
            "/admin/versions/1/note", data={"note": "x"}, headers={"Referer": referrer}, base_url=browser.base_url
        )
        assert (answer.status_code, answer.headers["Location"]) == (302, leads_to)
    assert "You were signed out meanwhile, so nothing was done" in browser.get("/sign-in").text


def test_someone_let_in_again_has_to_sign_in_again(app: Flask, session: Session, annotator: Person) -> None:
    browser = annotator.browser()
    other = factories.user(session)
    accounts.set_active(session, other.id, annotator.id, False)
    accounts.set_active(session, other.id, annotator.id, True)
    assert browser.get("/annotate").status_code == 302
    assert annotator.browser().get("/annotate").status_code == 200


def test_an_admin_who_becomes_an_annotator_is_one_at_the_next_call(session: Session, admin: Person) -> None:
    assert admin.call("GET", "/versions").status_code == 200
    user = session.get_one(User, admin.id)
    user.role = "annotator"
    session.commit()
    assert admin.call("GET", "/versions").status_code == 403


def test_a_password_that_somebody_else_typed_opens_only_the_page_that_changes_it(
    app: Flask, session: Session, admin: Person
) -> None:
    session.get_one(User, admin.id).must_change_password = True
    session.commit()
    browser = admin.browser()
    for call in calls(app):
        if call.endpoint in PUBLIC or call.endpoint in ("auth.account", "auth.change_password", "auth.sign_out"):
            continue
        answer = browser.client.open(call.path, method=call.method)
        if call.is_api:
            assert answer.status_code == 403, call
            assert "Choose a password of your own first" in answer.text, call
        else:
            assert (answer.status_code, answer.location) == (302, "/account"), call
    assert admin.call("GET", "/versions").status_code == 200, "programs with a token go on"


@pytest.mark.sqlite
def test_whose_request_it_is_takes_one_statement(app: Flask, admin: Person, statements: list[str]) -> None:
    browser = admin.browser()
    statements.clear()
    assert browser.get("/sign-in").location == "/"
    (asked,) = statements
    assert "FROM sessions JOIN users" in asked.replace("\n", "")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
    ],
)
def test_signing_in_never_leads_to_another_site(app: Flask, annotator: Person, target: str) -> None:
    browser = Browser(app.test_client())
    form = {"email": annotator.email, "password": factories.PASSWORD}
    answer = browser.submit("/sign-in", form, query_string={"next": target})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_signing_in_leads_back_to_the_page_that_was_asked_for(app: Flask, admin: Person) -> None:
    browser = Browser(app.test_client())
    asked = browser.get("/admin/people?sort=name")
    assert asked.headers["Location"] == "/sign-in?next=/admin/people?sort%3Dname"
    form = {"email": admin.email, "password": factories.PASSWORD}
    answer = browser.submit("/sign-in", form, query_string={"next": "/admin/people?sort=name"})
    assert answer.headers["Location"] == "/admin/people?sort=name"
