"""The pages about people, as a browser meets them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import ApiToken, Invitation, Role, User, now
from app.routes.people import form_key
from app.services.people import accounts, api_tokens, statistics
from tests import factories
from tests.studio import Browser, Person, make_person, rows

LINK = re.compile(r'value="http://localhost(/join/[\w-]{32})"')


def made_link(admin: Person, **form: str) -> str:
    """The path of a new invitation link."""
    browser, wanted = admin.browser(), {"role": "annotator", "days": "7", "form_key": form_key.new()} | form
    page = browser.submit("/admin/people/invitations", wanted)
    assert (page.status_code, page.headers["Cache-Control"]) == (201, "no-store")
    assert "Set-Cookie" not in page.headers, "it does not travel through the cookie"
    found = LINK.search(page.text)
    assert found is not None
    assert found[1] not in browser.get("/admin/people").text, "it is shown once"
    return found[1]


def test_the_page_lists_people_with_their_habits(session: Session, admin: Person, annotator: Person) -> None:
    for _ in range(30):
        screen = factories.generation(session, annotator.id)
        factories.judgment(session, screen, pairs=False, seconds=4.0)
    page = admin.browser().get("/admin/people").text
    row = next(row for row in page.split("<tr") if annotator.email in row)
    for said in (">30<", "4.0 s", "prefers position 1", "annotator"):
        assert said in row
    assert "No prompt has been judged by two people yet." in page


def test_agreement_is_told_with_its_interval_and_pair_by_pair(
    session: Session, admin: Person, annotator: Person
) -> None:
    for number in range(4):
        prompt = factories.prompt(session)
        for person in (admin, annotator):
            screen = factories.generation(session, person.id, ["a", "b", "c"], prompt=prompt)
            best = screen.candidates[number % 3 if person is admin or number else 2]
            factories.judgment(session, screen, pairs=False, candidate_id=best.id)
    page = admin.browser().get("/admin/people").text
    assert "from 8 judgments of 4 prompts" in page
    assert f"{admin.email} and {annotator.email}" in page or f"{annotator.email} and {admin.email}" in page
    assert re.search(r"75 % <span class=\"interval\">30–95 %", page)
    theirs = admin.browser().get(f"/admin/people/{annotator.id}").text
    assert re.search(r"75 % <span class=\"interval\">30–95 %", theirs)


def test_agreement_with_somebody_of_a_file_is_told_by_their_name_without_a_page_of_theirs(
    session: Session, admin: Person
) -> None:
    prompt = factories.prompt(session)
    for name in (None, "Ada"):
        screen = factories.generation(session, admin.id, ["a", "b", "c"], prompt=prompt)
        factories.judgment(session, screen, annotator=name)
    browser = admin.browser()
    assert f"{admin.email} and Ada, imported" in browser.get("/admin/people").text
    assert "Ada, imported" in browser.get(f"/admin/people/{admin.id}").text
    assert "Ada, imported" in browser.get("/admin/data/judgments").text


def test_the_page_of_a_person_drills_down_to_their_judgments(
    session: Session, admin: Person, annotator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "JUDGMENTS_AT_ONCE", 2)
    for text in ("first text", "second text", "third text"):
        prompt = factories.prompt(session, text)
        factories.judgment(session, factories.generation(session, annotator.id, prompt=prompt), pairs=False)
    skipped = factories.generation(session, annotator.id, prompt=factories.prompt(session, "odd text"))
    factories.judgment(
        session, skipped, pairs=False, verdict="skipped", candidate_id=None, flagged=True, reason="Who is <b>meant</b>?"
    )
    browser = admin.browser()
    path = f"/admin/people/{annotator.id}"
    page = browser.get(path).text
    assert "odd text" in page
    assert "Who is &lt;b&gt;meant&lt;/b&gt;?" in page
    assert "first text" not in page
    older = re.search(r'href="([^"]+before=[^"]+)"', page)
    assert older is not None
    assert "first text" in browser.get(older[1].replace("&amp;", "&")).text
    filtered = browser.get(path, query_string={"only": "flagged"}).text
    assert ("odd text" in filtered, "third text" in filtered) == (True, False)
    assert browser.get(path, query_string={"verdict": "magic", "before": "x"}).status_code == 200
    assert browser.get("/admin/people/99").status_code == 404


def test_a_role_can_be_changed_but_never_the_last_admins(session: Session, admin: Person, annotator: Person) -> None:
    browser = admin.browser()
    path = f"/admin/people/{admin.id}/role"
    answer = browser.submit(path, {"role": "annotator"}, follow_redirects=True)
    assert "There has to be at least one admin: make someone else one first." in answer.text
    answer = browser.submit(f"/admin/people/{annotator.id}/role", {"role": "admin"}, follow_redirects=True)
    assert f"{annotator.email} is an admin from now on." in answer.text
    assert annotator.browser().get("/admin/people").status_code == 200
    answer = browser.submit(path, {"role": "owner"}, follow_redirects=True)
    assert "The role must be annotator or admin." in answer.text
    assert browser.submit(path, {"role": "annotator"}).headers["Location"] == "/annotate"
    assert browser.get("/admin/people").status_code == 403
    assert browser.submit("/admin/people/99/role", {"role": "admin"}).status_code == 403


def test_an_inactive_admin_does_not_count_as_one(session: Session, admin: Person) -> None:
    factories.user(session, role=Role.ADMIN, active=False)
    answer = admin.browser().submit(f"/admin/people/{admin.id}/role", {"role": "annotator"}, follow_redirects=True)
    assert "There has to be at least one admin" in answer.text


def test_a_link_is_shown_once_and_makes_an_account(app: Flask, session: Session, admin: Person) -> None:
    link = made_link(admin, role="annotator", label="<i>Grace</i>")
    again = admin.browser().get("/admin/people").text
    assert link not in again
    assert "&lt;i&gt;Grace&lt;/i&gt;" in again
    visitor = Browser(app.test_client())
    form = {"email": "grace@example.org", "name": "Grace", "password": "a calm password"}
    short = visitor.submit(link, form | {"password": "short"}, page=link)
    assert short.status_code == 422
    assert "The password needs at least 8 characters." in short.text
    assert 'value="grace@example.org"' in short.text
    assert visitor.submit(link, form, page=link).headers["Location"] == "/"
    assert visitor.get("/annotate").status_code == 200, "and is signed in"
    gone = Browser(app.test_client()).get(link)
    assert (gone.status_code, "was used already" in gone.text) == (404, True)
    assert [(user.name, user.role) for user in rows(session, User)][1:] == [("Grace", "annotator")]
    assert "Grace</a>" in admin.browser().get("/admin/people").text


def test_a_reload_makes_no_second_link_and_says_so(session: Session, admin: Person) -> None:
    browser, form = admin.browser(), {"role": "annotator", "days": "7", "form_key": form_key.new()}
    assert browser.submit("/admin/people/invitations", form).status_code == 201
    again = browser.submit("/admin/people/invitations", form)
    assert again.status_code == 409
    assert "This form was sent before: its link was shown then, and no second one was made." in again.text
    assert not LINK.search(again.text)
    assert len(rows(session, Invitation)) == 1


def test_a_form_without_its_key_makes_no_link(session: Session, admin: Person) -> None:
    answer = admin.browser().submit("/admin/people/invitations", {"role": "annotator", "days": "7", "form_key": "x"})
    assert answer.status_code == 400
    assert "This form is out of date: reload the page and try again." in answer.text
    assert rows(session, Invitation) == []


def test_joining_needs_the_csrf_token(app: Flask, admin: Person) -> None:
    link = made_link(admin)
    assert app.test_client().post(link, data={"email": "x@y", "password": "a calm password"}).status_code == 400


def test_someone_who_is_signed_in_makes_no_second_account_by_accident(
    session: Session, admin: Person, annotator: Person
) -> None:
    link = made_link(admin)
    browser = annotator.browser()
    assert f"You are signed in as {annotator.email}." in browser.get(link).text
    browser.submit(link, {"email": "x@example.org", "password": "a calm password"})
    assert len(rows(session, User)) == 2


def test_a_withdrawn_link_makes_none(app: Flask, session: Session, admin: Person) -> None:
    link = made_link(admin)
    (invitation,) = rows(session, Invitation)
    path = f"/admin/people/invitations/{invitation.id}/withdraw"
    answer = admin.browser().submit(path, {}, follow_redirects=True)
    assert "That link no longer makes an account." in answer.text
    assert "was withdrawn" in app.test_client().get(link).text
    assert admin.browser().submit("/admin/people/invitations/99/withdraw", {}).status_code == 404


def test_a_link_that_cannot_be_made_says_why_and_keeps_the_note(session: Session, admin: Person) -> None:
    form = {"role": "annotator", "days": "1000", "label": "for Grace", "form_key": form_key.new()}
    answer = admin.browser().submit("/admin/people/invitations", form)
    assert answer.status_code == 422
    assert "A link may be good for 1, 7 or 30 days." in answer.text
    assert 'value="for Grace"' in answer.text


def test_an_admin_sees_and_revokes_anybodys_tokens(session: Session, admin: Person, annotator: Person) -> None:
    token, _ = api_tokens.make(session, annotator.id, "<b>a notebook</b>", ["read"], 7)
    browser, page = admin.browser(), f"/admin/people/{annotator.id}"
    assert "&lt;b&gt;a notebook&lt;/b&gt;" in browser.get(page).text
    answer = browser.submit(f"{page}/tokens/{token.id}/revoke", {}, follow_redirects=True)
    assert "no longer works." in answer.text
    assert api_tokens.state(rows(session, ApiToken)[-1]) == "revoked"
    assert browser.submit(f"/admin/people/{admin.id}/tokens/{token.id}/revoke", {}).status_code == 404


def test_being_here_is_noted_at_most_once_a_minute(app: Flask, session: Session, admin: Person) -> None:
    annotator = make_person(app, session, last_seen_at=None)
    assert "never" in admin.browser().get("/admin/people").text
    browser = annotator.browser()
    browser.get("/annotate")
    (first,) = (user.last_seen_at for user in rows(session, User) if user.id == annotator.id)
    assert first is not None
    browser.get("/annotate")
    accounts.seen(session, annotator.id)
    session.expire_all()
    assert session.get_one(User, annotator.id).last_seen_at == first
    session.get_one(User, annotator.id).last_seen_at = now() - timedelta(minutes=2)
    session.commit()
    assert annotator.post("/judgments", {}).status_code == 422
    session.expire_all()
    later = session.get_one(User, annotator.id).last_seen_at
    assert later is not None
    assert later > first
    assert "just now" in admin.browser().get("/admin/people").text
