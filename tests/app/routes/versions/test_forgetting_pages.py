"""The pages and the API of forgetting: choose, look, make again, let serve, delete the old."""

from __future__ import annotations

import html
import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Forgetting, ProjectRole, RunStatus, TrainingRun, Version, within, write_transaction
from app.services.projects import memberships
from app.services.system import deletions
from app.services.training import runs
from app.services.versions import learned, versions
from tests import factories
from tests.studio import Person, make_person, rows

FORGET = "/admin/versions/forget"


@pytest.fixture
def leaver(app: Flask, session: Session) -> Person:
    return make_person(app, session, name="Leaver")


@pytest.fixture
def theirs(session: Session, leaver: Person, annotator: Person) -> list[int]:
    """Version 2, which serves, learned from two people: the ids of the judgments of the one who leaves."""
    factories.version(session, 1)
    found = {
        person.id: [factories.judgment(session, factories.generation(session, person.id)).id for _ in range(3)]
        for person in (annotator, leaver)
    }
    ids = [number for numbers in found.values() for number in numbers]
    run = factories.run(session, RunStatus.SUCCEEDED, judgments=learned.pack(ids), last_judgment_id=max(ids))
    factories.version(session, 2, run_id=run.id)
    factories.serving(session, 2)
    return found[leaver.id]


def words(page: str) -> str:
    """What a reader sees: no tags, single spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page[page.index("<main") :])).split())


def end_well(session: Session, number: int = 3) -> TrainingRun:
    """The run of the only forgetting as its worker ends it."""
    [run] = [run for run in rows(session, TrainingRun) if run.forgetting_id is not None]
    factories.version(session, number, run_id=run.id, parent_number=run.parent_version)
    with write_transaction(session):
        runs.succeed(session, run, number, None)
    return run


def test_an_admin_forgets_a_person_and_deletes_what_had_learned_from_them(
    session: Session, admin: Person, leaver: Person, theirs: list[int]
) -> None:
    browser = admin.browser()
    page = words(browser.get(f"{FORGET}?kind=person&number={leaver.id}").text)
    assert "Make version 2 again without it" in page
    assert "version 2 again, by dpo, with its settings and 6 pairs" in page
    assert "the next training on all clicks reads them again" in page

    answer = browser.submit(
        FORGET, {"kind": "person", "number": str(leaver.id), "target": "2", "serve": "yes"}, page=FORGET
    )
    assert (answer.status_code, answer.location) == (302, f"{FORGET}/1")
    page = words(browser.get(f"{FORGET}/1").text)
    assert f"Without what one person said (person {leaver.id})" in page
    assert "Leaver" not in page
    assert "All are made again" not in page
    assert "Versions are made again without what is forgotten: version 2" in words(browser.get("/admin/versions").text)

    end_well(session)
    page = words(browser.get(f"{FORGET}/1").text)
    assert "In the place of version 2 there is version 3" in page
    assert "Version 2 is live. Make another one live first." in page
    assert [row.serve for row in rows(session, Forgetting)] == [True]


def test_what_other_projects_have_of_a_person_is_named_to_those_who_may_know(
    app: Flask, session: Session, admin: Person, leaver: Person, theirs: list[int]
) -> None:
    second = factories.project(session)
    with within(session, second.id):
        factories.version(session, 11, parent_number=None)
        own = [factories.judgment(session, factories.generation(session, leaver.id, version=11)).id for _ in range(2)]
        run = factories.run(session, RunStatus.SUCCEEDED, judgments=learned.pack(own), last_judgment_id=max(own))
        factories.version(session, 12, run_id=run.id, parent_number=11)
    asked = f"?kind=person&number={leaver.id}"
    browser = admin.browser()
    page = browser.get(f"{FORGET}{asked}").text
    assert "Second 2 12" in words(page)
    assert f'<a href="/p/second{html.escape(FORGET + asked)}">' in page
    assert "First project 3 2" in words(browser.get(f"/p/second{FORGET}{asked}").text)

    leader = make_person(app, session)
    memberships.begin(session, leader.id, {second.id: ProjectRole.ADMIN})
    session.commit()
    page = words(leader.browser().get(f"/p/second{FORGET}{asked}").text)
    assert "Projects that you may not enter have something of it, too: ask an admin of the studio." in page
    assert "First project" not in page


def test_the_old_versions_go_with_one_button_and_their_number(
    session: Session, admin: Person, leaver: Person, theirs: list[int]
) -> None:
    browser = admin.browser()
    browser.submit(FORGET, {"kind": "person", "number": str(leaver.id)}, page=FORGET)
    end_well(session)
    versions.promote(session, 3, admin.id)
    page = f"{FORGET}/1"
    assert "It is live: version 3" in words(browser.get(page).text)
    browser.submit(f"{page}/delete", {"confirm": "2"}, page=page)
    assert "Type 1 to confirm that so many versions shall be deleted." in words(browser.get(page).text)
    assert session.get_one(Version, 2, populate_existing=True).deleted_at is None
    browser.submit(f"{page}/delete", {"confirm": "1"}, page=page)
    shown = words(browser.get(page).text)
    assert "1 version is deleted." in shown
    assert "Delete the old versions" not in shown
    session.rollback()
    assert session.get_one(Version, 2, populate_existing=True).deleted_at is not None


def test_a_version_that_lost_judgments_offers_to_be_made_again_without_them(
    session: Session, admin: Person, theirs: list[int]
) -> None:
    browser = admin.browser()
    assert "learned from what was deleted" not in browser.get("/admin/versions").text
    with write_transaction(session):
        deletions.delete_judgments(session, theirs[:2])
    page = browser.get("/admin/versions/2").text
    found = re.search(r'href="([^"]+)">Make it again without', page)
    assert found is not None
    page = words(browser.get(html.unescape(found[1])).text)
    assert "Make version 2 again without it" in page
    assert "learned from what was deleted" in browser.get("/admin/versions").text


@pytest.mark.parametrize(
    ("form", "status", "sentence"),
    [
        ({"kind": "prompt", "number": "99"}, 404, "There is no prompt 99."),
        ({"kind": "prompt", "number": "x"}, 422, "Say which prompt is to be forgotten: give its number."),
        ({"kind": "everybody"}, 422, "kind must be one of person, prompt, import, deleted."),
        ({"kind": "deleted"}, 422, "No version learned from it, so there is nothing to make again."),
    ],
)
def test_what_cannot_be_forgotten_is_said_on_the_page(
    admin: Person, theirs: list[int], form: dict[str, str], status: int, sentence: str
) -> None:
    answer = admin.browser().submit(FORGET, form, page=FORGET)
    assert (answer.status_code, sentence in html.unescape(answer.text)) == (status, True)


def test_the_api_does_the_same(session: Session, admin: Person, leaver: Person, theirs: list[int]) -> None:
    asked = {"kind": "person", "number": leaver.id}
    preview = admin.post("/forgettings/preview", asked).json
    assert preview == {
        "learned": [{"version": 2, "judgments": 3, "pairs": 0, "inherited": False}],
        "target": 2,
        "base": 1,
        "steps": [{"version": 2, "pairs": 6}],
        "left_out": [],
        "elsewhere": [],
        "problem": "",
    }
    assert admin.post("/forgettings/preview", {"kind": "deleted"}).json == {
        "learned": [],
        "target": None,
        "base": None,
        "steps": [],
        "left_out": [],
        "elsewhere": [],
        "problem": "",
    }
    assert rows(session, Forgetting) == [], "nothing was stored"
    answer = admin.post("/forgettings", asked)
    assert answer.status_code == 202
    assert answer.json is not None
    assert (answer.json["target"], answer.json["serve"], answer.json["active"], answer.json["made"]) == (
        2,
        False,
        True,
        None,
    )
    assert admin.call("DELETE", "/forgettings/1/versions?confirm=1").status_code == 409
    end_well(session)
    shown = admin.call("GET", "/forgettings/1").json
    assert shown is not None
    assert (shown["made"], shown["old"], shown["active"]) == (3, [2], False)
    assert admin.call("GET", "/forgettings").json == [shown]
    assert admin.call("PUT", "/aliases/serving", json={"version": 3}).status_code == 409, "it has no files here"
    assert admin.call("DELETE", "/forgettings/1/versions?confirm=7").status_code == 422
    versions.promote(session, 3, admin.id)
    assert admin.call("DELETE", "/forgettings/1/versions?confirm=1").status_code == 204
    assert admin.call("GET", "/forgettings/9").status_code == 404
    assert leaver.post("/forgettings", asked).status_code == 403
    assert leaver.post("/forgettings/preview", asked).status_code == 403


def test_forgetting_is_for_admins(annotator: Person, theirs: list[int]) -> None:
    browser = annotator.browser()
    assert browser.get(FORGET).status_code == 403
    assert browser.submit(FORGET, {"kind": "deleted"}, page="/annotate").status_code == 403
    assert browser.submit(f"{FORGET}/1/delete", {"confirm": "1"}, page="/annotate").status_code == 403
