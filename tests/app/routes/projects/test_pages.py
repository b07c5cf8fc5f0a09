"""The pages of projects, as a browser meets them."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import FIRST, AuditEvent, Project, ProjectRole
from app.routes.people import form_key
from app.services.projects import memberships
from tests import factories
from tests.studio import Person, make_person, rows

PROJECT_PAGE = "/p/answers/admin/project"


@pytest.fixture
def answers(session: Session) -> Project:
    """A project beside the first one."""
    return factories.project(session, "answers", instruction="Choose the calm one.")


@pytest.fixture
def leader(app: Flask, session: Session, answers: Project) -> Person:
    """Its admin, who is nothing else."""
    person = make_person(app, session)
    memberships.begin(session, person.id, {answers.id: ProjectRole.ADMIN})
    session.commit()
    return person


@pytest.mark.usefixtures("version_1")
def test_an_admin_creates_a_project_and_comes_to_its_page(admin: Person) -> None:
    browser = admin.browser()
    assert "of First project" in browser.get("/admin/projects").text
    made = browser.submit("/admin/projects", {"name": "Short answers", "instruction": "Be calm.", "copy_of": "1"})
    assert (made.status_code, made.location) == (302, "/p/short-answers/admin/project")
    page = browser.get(made.location).text
    assert "The project Short answers is there. Say now who works on it." in page
    assert admin.email in page
    desk = browser.get("/p/short-answers/annotate").text
    assert "Be calm." in desk
    assert "<title>Annotate · Mellow · Short answers</title>" in desk
    assert "<title>Annotate · Mellow · First project</title>" in browser.get("/annotate").text


def test_what_cannot_be_is_refused_and_stays_in_the_form(admin: Person) -> None:
    answer = admin.browser().submit("/admin/projects", {"name": "Short", "slug": "Not So", "instruction": "Be calm."})
    assert answer.status_code == 422
    for said in ("The address may have at most 40 small letters", 'value="Short"', 'value="Not So"', "Be calm."):
        assert said in answer.text


def test_a_project_is_archived_and_comes_back(admin: Person, answers: Project) -> None:
    browser = admin.browser()
    gone = browser.submit(f"/p/answers/admin/projects/{answers.id}/archive", {}, page="/admin/projects")
    assert gone.location == "/admin/projects"
    assert browser.get("/p/answers/annotate").status_code == 404
    assert browser.submit(f"/admin/projects/{answers.id}/restore", {}, page="/admin/projects").status_code == 302
    assert browser.get("/p/answers/annotate").status_code == 200
    browser.submit(f"/admin/projects/{FIRST}/archive", {}, page="/admin/projects")
    assert "The first project stays" in browser.get("/admin/projects").text


def test_its_admin_brings_people_in_changes_their_role_and_takes_them_out(
    session: Session, leader: Person, annotator: Person
) -> None:
    browser = leader.browser()
    place = {"page": PROJECT_PAGE}
    for role in ("annotator", "reviewer"):
        browser.submit(f"{PROJECT_PAGE}/members", {"email": annotator.email, "role": role}, **place)
    assert annotator.browser().get("/p/answers/annotate").status_code == 200
    assert "has that role in this project" in browser.get(PROJECT_PAGE).text
    refused = browser.submit(f"{PROJECT_PAGE}/members", {"email": "x@example.org", "role": "annotator"}, **place)
    assert (refused.status_code, 'value="x@example.org"' in refused.text) == (404, True)
    browser.submit(f"{PROJECT_PAGE}/members/{annotator.id}/remove", {}, **place)
    assert annotator.browser().get("/p/answers/annotate").status_code == 404
    told = [(entry.action, entry.details.get("project")) for entry in rows(session, AuditEvent)]
    assert [one for one in told if one[0].startswith("member.")] == [
        ("member.set", "answers"),
        ("member.set", "answers"),
        ("member.removed", "answers"),
    ]


def test_whoever_takes_themselves_out_is_led_away(leader: Person) -> None:
    browser = leader.browser()
    led = browser.submit(f"{PROJECT_PAGE}/members/{leader.id}/remove", {}, page=PROJECT_PAGE)
    assert led.location == "/p/answers/"


def test_its_admin_changes_name_and_instruction(leader: Person) -> None:
    browser = leader.browser()
    browser.submit(PROJECT_PAGE, {"name": "Replies", "instruction": "Keep it short."}, page=PROJECT_PAGE)
    assert "Keep it short." in browser.get("/p/answers/annotate").text
    assert browser.submit(PROJECT_PAGE, {"name": " "}, page=PROJECT_PAGE).status_code == 422


def test_its_admin_is_offered_what_is_theirs(leader: Person) -> None:
    page = leader.browser().get("/p/answers/admin/data").text
    for offered in ("/annotate", "/work", "/admin/data", "/admin/project", "/admin", "/admin/versions"):
        assert f'href="/p/answers{offered}"' in page
    for other in ("/admin/people", "/admin/system", "/admin/projects"):
        assert f'href="/p/answers{other}"' not in page


@pytest.mark.usefixtures("answers")
def test_the_projects_are_offered_to_people_with_several_by_the_same_page(admin: Person, annotator: Person) -> None:
    page = admin.browser().get("/p/answers/admin/data").text
    assert 'href="/admin/data" translate="no">First project' in page
    assert 'href="/p/answers/admin/data" translate="no" aria-current="true">Answers' in page
    desk = annotator.browser().get("/annotate").text
    assert "First project" not in desk
    assert "Answers" not in desk


def test_a_new_person_comes_into_the_projects_that_are_chosen(admin: Person, app: Flask, answers: Project) -> None:
    browser = admin.browser()
    new = {"email": "new@example.org", "password": "a calm password", "role": "annotator"}
    projects = {f"project-{FIRST}": "", f"project-{answers.id}": "reviewer"}
    refused = browser.submit("/admin/people", new | dict.fromkeys(projects, ""), page="/admin/people")
    assert "Choose a role in at least one project." in refused.text
    assert browser.submit("/admin/people", new | projects, page="/admin/people").status_code == 302
    assert "(reviewer)" in browser.get("/admin/people/2").text
    wanted = {"role": "annotator", "days": "7", "form_key": form_key.new()} | projects
    made = browser.submit("/p/answers/admin/people/invitations", wanted, page="/admin/people")
    assert 'value="http://localhost/join/' in made.text, "the link names no project"


def test_what_leaves_a_project_names_it(leader: Person, admin: Person, answers: Project, app: Flask) -> None:
    client = app.test_client()
    headers = {"Authorization": f"Bearer {admin.token}"}
    for path, name in (("", "mellow-preferences-trl"), ("/p/answers", "mellow-answers-preferences-trl")):
        answer = client.get(f"{path}/api/v1/preferences", headers=headers)
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.jsonl"'
    manifest = client.get("/p/answers/api/v1/preferences/manifest", headers=headers).json
    assert manifest is not None
    assert (manifest["project"], manifest["file"]) == ("answers", "mellow-answers-preferences-trl.jsonl")
