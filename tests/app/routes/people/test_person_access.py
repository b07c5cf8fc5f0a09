"""What admins do about a person's access, as a browser meets it."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session

from app.db import AuditEvent, PasswordReset, SignInSession
from tests.studio import Person, rows

LINK = re.compile(r'value="http://localhost(/reset/[\w-]{32})"')


def test_an_admin_sees_and_ends_the_sessions_of_anybody(session: Session, admin: Person, annotator: Person) -> None:
    theirs, also_theirs = annotator.browser(), annotator.browser()
    browser, path = admin.browser(), f"/admin/people/{annotator.id}"
    first, _second, own = rows(session, SignInSession)
    page = browser.get(path).text
    assert f"{path}/sessions/{first.id}/end" in page
    assert f"/sessions/{own.id}/end" not in page
    ended = browser.submit(f"{path}/sessions/{first.id}/end", {}, follow_redirects=True)
    assert "That session has ended." in ended.text
    assert "ended by an admin" in ended.text
    assert [one.get("/annotate").status_code for one in (theirs, also_theirs)] == [302, 200]
    assert browser.submit(f"{path}/sessions/{own.id}/end", {}).status_code == 404, "it is not that person's"
    assert "They are signed out everywhere." in browser.submit(f"{path}/sessions/end", {}, follow_redirects=True).text
    assert also_theirs.get("/annotate").status_code == 302
    assert "They were not signed in anywhere." in browser.submit(f"{path}/sessions/end", {}, follow_redirects=True).text
    said = [(event.action, event.user_id, event.subject) for event in rows(session, AuditEvent)]
    assert [one for one in said if one[0] != "user.signed_in"] == [
        ("session.ended", admin.id, f"session {first.id}"),
        ("sessions.ended", admin.id, f"user {annotator.id}"),
    ]


def test_a_reset_link_is_shown_once_and_can_be_withdrawn(session: Session, admin: Person, annotator: Person) -> None:
    browser, path = admin.browser(), f"/admin/people/{annotator.id}"
    page = browser.submit(f"{path}/resets", {}, follow_redirects=True).text
    found = LINK.search(page)
    assert found is not None
    assert found[1] not in browser.get(path).text
    (reset,) = rows(session, PasswordReset)
    assert f'by <span translate="no">{admin.email}</span>' in page
    done = browser.submit(f"{path}/resets/{reset.id}/withdraw", {}, follow_redirects=True).text
    assert "That link no longer resets the password." in done
    assert browser.get(found[1]).status_code == 404
    assert browser.submit(f"{path}/resets/99/withdraw", {}).status_code == 404


def test_somebody_who_may_not_sign_in_gets_no_reset_link(session: Session, admin: Person, annotator: Person) -> None:
    browser, path = admin.browser(), f"/admin/people/{annotator.id}"
    browser.submit(f"{path}/active", {"active": "no"})
    assert "Generate reset link" not in browser.get(path).text
    assert "reactivate the account first" in browser.submit(f"{path}/resets", {}, follow_redirects=True).text
    assert rows(session, PasswordReset) == []
