"""The pages on which what is stored of a person is taken along and deleted."""

from __future__ import annotations

import io
import zipfile

from sqlalchemy.orm import Session

from app.db import AuditEvent, Judgment, Role, User
from app.services.people import deletion
from tests import factories
from tests.studio import Person, make_person, rows


def names(data: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as made:
        return made.namelist()


def test_everybody_can_take_along_what_is_stored_of_them(annotator: Person) -> None:
    browser = annotator.browser()
    assert "/account/export" in browser.get("/account").text
    answer = browser.get("/account/export")
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="mellow-my-data.zip"'
    assert {"README.md", "account.jsonl", "judgments.jsonl"} <= set(names(answer.data))


def test_an_admin_can_take_along_what_is_stored_of_a_person_and_the_audit_log_says_so(
    admin: Person, annotator: Person, session: Session
) -> None:
    answer = admin.browser().get(f"/admin/people/{annotator.id}/export")
    assert "judgments.jsonl" in names(answer.data)
    event = rows(session, AuditEvent)[-1]
    assert (event.user_id, event.action, event.subject) == (admin.id, "person.exported", f"user {annotator.id}")
    assert admin.browser().get("/admin/people/99/export").status_code == 404


def test_only_admins_may_take_along_or_delete_others(annotator: Person, admin: Person) -> None:
    browser = annotator.browser()
    for path in (f"{admin.id}/export", f"{admin.id}/delete", "imported?name=Ada", "imported/export?name=Ada"):
        assert browser.get(f"/admin/people/{path}").status_code == 403
    assert browser.submit(f"/admin/people/{admin.id}/delete", {"confirm": admin.email}).status_code == 403


def test_the_page_says_what_goes_and_the_person_is_gone_once_the_email_is_typed(
    admin: Person, annotator: Person, session: Session
) -> None:
    factories.judgment(session, factories.generation(session, annotator.id))
    browser, path = admin.browser(), f"/admin/people/{annotator.id}/delete"
    assert path in browser.get(f"/admin/people/{annotator.id}").text
    page = browser.get(path).text
    assert "<strong>1</strong> judgment" in page
    assert annotator.email in page
    wrong = browser.submit(path, {"confirm": "x", "judgments": "delete"}, page=path)
    assert (wrong.status_code, "Type the email to confirm" in wrong.text) == (422, True)
    silent = browser.submit(path, {"confirm": annotator.email}, page=path)
    assert (silent.status_code, "Say whether the judgments" in silent.text) == (422, True)
    assert len(rows(session, Judgment)) == 1
    done = browser.submit(path, {"confirm": annotator.email, "judgments": "delete"}, page=path, follow_redirects=True)
    assert "The account is deleted. What stays of it is called Person " in done.text
    assert rows(session, Judgment) == []
    assert annotator.call("GET", "/me").status_code == 401


def test_judgments_that_are_kept_are_shown_under_the_pseudonym(
    admin: Person, annotator: Person, session: Session
) -> None:
    factories.judgment(session, factories.generation(session, annotator.id))
    browser, path = admin.browser(), f"/admin/people/{annotator.id}/delete"
    browser.submit(path, {"confirm": annotator.email, "judgments": "keep"}, page=path)
    page = browser.get(f"/admin/people/{annotator.id}").text
    assert "the account was deleted on" in page
    assert "Change role" not in page
    assert annotator.email not in browser.get("/admin/people").text
    assert rows(session, User)[-1].name in browser.get("/admin/people").text


def test_nobody_deletes_themselves_or_the_last_admin(admin: Person, session: Session) -> None:
    browser, path = admin.browser(), f"/admin/people/{admin.id}/delete"
    assert "Another admin can delete your account" in browser.get(f"/admin/people/{admin.id}").text
    refused = browser.submit(path, {"confirm": admin.email, "judgments": "delete"}, page=path)
    assert (refused.status_code, "your own account" in refused.text) == (409, True)
    assert rows(session, User)[0].deleted_at is None


def test_an_admin_who_is_deleted_by_another_is_out_at_once(app: object, admin: Person, session: Session) -> None:
    other = make_person(admin.app, session, Role.ADMIN)
    signed_in = other.browser()
    deletion.delete_person(session, admin.id, other.id, other.email, keep_judgments=False)
    assert signed_in.get("/admin/people").status_code == 302


def test_somebody_whom_a_file_names_is_listed_taken_along_and_deleted(admin: Person, session: Session) -> None:
    screen = factories.generation(session, admin.id)
    factories.judgment(session, screen, imported=True, annotator="Ada / 1")
    browser, path = admin.browser(), "/admin/people/imported?name=Ada+/+1"
    assert 'href="/admin/people/imported?name=Ada+/+1"' in browser.get("/admin/people").text
    assert "<strong>1</strong> judgment" in browser.get(path).text
    assert names(browser.get("/admin/people/imported/export?name=Ada+/+1").data) == ["judgments.jsonl", "README.md"]
    form = {"name": "Ada / 1", "judgments": "delete"}
    wrong = browser.submit("/admin/people/imported", {**form, "confirm": "Ada"}, page=path)
    assert wrong.status_code == 422
    browser.submit("/admin/people/imported", {**form, "confirm": "Ada / 1"}, page=path)
    assert rows(session, Judgment) == []
    assert browser.get(path).status_code == 404
