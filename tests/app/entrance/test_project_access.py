"""Who may call what in which project: every role, every route, their own project and another one."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import FIRST, Project, ProjectRole, Role, User, now, project_of
from app.entrance.endpoints import ANNOTATOR, PERSONAL, PROJECT_ADMIN, PUBLIC, REVIEWER
from app.extensions import db
from app.services.people import api_tokens
from app.services.projects import memberships
from tests import factories
from tests.app.entrance.walk import Call, calls
from tests.studio import Browser, Person, make_person

ROLES = [None, ProjectRole.ANNOTATOR, ProjectRole.REVIEWER, ProjectRole.ADMIN]


@pytest.fixture
def second(session: Session) -> Project:
    """A project beside the first one."""
    return factories.project(session, slug="second", name="Second project")


def member(app: Flask, session: Session, role: ProjectRole | None, project: Project) -> Person:
    """Somebody who has that role in a project, and is in no other."""
    person = make_person(app, session)
    memberships.begin(session, person.id, {project.id: role} if role else {})
    session.commit()
    return person


@pytest.fixture
def no_views(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The views of routes are not run: a walk asks only who gets as far."""

    def reached(**_: object) -> tuple[str, int]:
        return str(project_of(db.session())), 299

    for endpoint in app.view_functions:
        if endpoint not in PUBLIC:
            monkeypatch.setitem(app.view_functions, endpoint, reached)


def walked(app: Flask) -> list[Call]:
    return [call for call in calls(app) if call.endpoint not in PUBLIC]


def asked(browser: Browser, call: Call, token: str, prefix: str) -> int:
    headers = {"X-CSRFToken": token}
    return browser.client.open(f"{prefix}{call.path}", method=call.method, headers=headers).status_code


def expected(call: Call, role: ProjectRole | None) -> int:
    if role is None:
        return 404
    reached = call.endpoint in PERSONAL | ANNOTATOR
    reached |= role == ProjectRole.ADMIN and call.endpoint in PROJECT_ADMIN
    reached |= role in (ProjectRole.ADMIN, ProjectRole.REVIEWER) and call.endpoint in REVIEWER
    return 299 if reached else 403


@pytest.mark.parametrize("role", ROLES, ids=str)
@pytest.mark.usefixtures("no_views")
def test_each_role_calls_what_it_may_in_its_own_project_and_finds_no_other(
    app: Flask, session: Session, second: Project, role: ProjectRole | None
) -> None:
    other = factories.project(session, slug="other")
    browser = member(app, session, role, second).browser()
    token = browser.csrf_token("/sign-in/organisation")
    for call in walked(app):
        assert asked(browser, call, token, "/p/second") == expected(call, role), call
        assert asked(browser, call, token, f"/p/{other.slug}") == 404, call
        first = asked(browser, call, token, "")
        led = role is not None and call.method == "GET" and not call.is_api
        assert first == (302 if led else 299 if call.endpoint in PERSONAL else 404), call


@pytest.mark.usefixtures("no_views")
def test_an_admin_of_the_studio_calls_everything_in_every_project(app: Flask, second: Project, admin: Person) -> None:
    browser = admin.browser()
    token = browser.csrf_token("/sign-in/organisation")
    for call in walked(app):
        for prefix in ("", f"/p/{second.slug}", "/p/first"):
            assert asked(browser, call, token, prefix) == 299, call


def test_what_admins_of_projects_may_do_is_nothing_of_the_studio() -> None:
    """Opening an endpoint of one of these rooms to them shall take an edit here."""
    studio = {"people", "person_access", "personal_data", "system", "webhooks", "api_webhooks", "projects", "join"}
    assert {endpoint.partition(".")[0] for endpoint in PROJECT_ADMIN} & studio == set()
    assert {endpoint.partition(".")[0] for endpoint in REVIEWER} == {"review", "api_reviews"}


@pytest.mark.parametrize(
    "path", ["/p/nothing/annotate", "/p/nothing/api/v1/me", "/p/nothing/no-page", "/p/No/annotate"]
)
def test_an_unknown_project_is_not_found_and_its_page_leads_on(annotator: Person, path: str) -> None:
    answer = annotator.browser().get(path)
    assert answer.status_code == 404
    if "/api/" in path:
        assert answer.json is not None
        assert answer.json["detail"] == "There is no such project, or you are not in it."
    else:
        assert 'href="/annotate"' in answer.text
        assert "/p/" not in answer.text


def test_an_archived_project_is_not_found_by_anybody(
    app: Flask, session: Session, second: Project, admin: Person
) -> None:
    person = member(app, session, ProjectRole.ADMIN, second)
    assert [one.browser().get("/p/second/annotate").status_code for one in (person, admin)] == [200, 200]
    second.archived_at = now()
    session.commit()
    assert [one.browser().get("/p/second/annotate").status_code for one in (person, admin)] == [404, 404]


def test_a_token_reaches_the_projects_of_its_owner_within_its_scopes(
    app: Flask, session: Session, second: Project
) -> None:
    person = member(app, session, ProjectRole.ADMIN, second)
    _, secret = api_tokens.make(session, person.id, "some", ["admin"], 7)
    _, weak = api_tokens.make(session, person.id, "some", ["annotate"], 7)

    def status(token: str, path: str) -> int:
        return app.test_client().get(path, headers={"Authorization": f"Bearer {token}"}).status_code

    assert status(secret, "/p/second/api/v1/prompts") == 200
    assert status(weak, "/p/second/api/v1/prompts") == 403
    assert status(secret, "/p/second/api/v1/webhooks") == 403
    assert status(secret, "/api/v1/prompts") == 404
    assert status(secret, "/api/v1/me") == 200


def test_without_a_row_a_person_is_an_annotator_of_the_first_project_alone(
    app: Flask, second: Project, annotator: Person
) -> None:
    """The release before adds people without one."""
    browser = annotator.browser()
    assert browser.get("/annotate").status_code == 200
    assert browser.get("/p/second/annotate").status_code == 404
    assert annotator.call("GET", "/projects").json == [
        {
            "id": FIRST,
            "slug": "first",
            "name": "First project",
            "instruction": "",
            "task": "rewriting",
            "role": "annotator",
        }
    ]


def test_whoever_is_only_in_another_project_lands_there(app: Flask, session: Session, second: Project) -> None:
    browser = member(app, session, ProjectRole.ANNOTATOR, second).browser()
    assert browser.get("/").location == "/p/second/"
    assert browser.get("/p/second/").location == "/p/second/annotate"
    assert browser.get("/work?verdict=tie").location == "/p/second/work?verdict=tie"
    page = browser.get("/p/second/annotate").text
    assert 'href="/p/second/work"' in page
    assert "data-project" not in page


def test_whoever_is_in_no_project_is_told_so_and_keeps_their_account(
    app: Flask, session: Session, second: Project
) -> None:
    browser = member(app, session, None, second).browser()
    answer = browser.get("/")
    assert (answer.status_code, "You are in no project yet" in answer.text) == (404, True)
    assert browser.get("/account").status_code == 200


def test_an_admin_who_is_none_any_more_is_what_the_project_says(app: Flask, session: Session, admin: Person) -> None:
    assert admin.call("GET", "/versions").status_code == 200
    session.get_one(User, admin.id).role = Role.ANNOTATOR
    session.commit()
    assert admin.call("GET", "/versions").status_code == 403
