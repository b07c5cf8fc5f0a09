"""What a new password must be, and what changing one ends."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, Role, User
from app.domain_errors import Forbidden, Invalid, NotFound
from app.services.people import accounts, password_resets, passwords
from tests import factories
from tests.studio import rows

NEW = "nine quiet otters"
IDLE = timedelta(hours=1)


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("short", "The password needs at least 8 characters."),
        ("x" * 201, "The password may have at most 200 characters."),
        ("password", "The password is one of the 10,000 that are tried first: choose another one."),
        ("PassWord", "The password is one of the 10,000 that are tried first: choose another one."),
        ("trustno1", "The password is one of the 10,000 that are tried first: choose another one."),
        ("Mellow2026!", "The password must be more than the name of this studio or an email address."),
        ("grace.hopper", "The password must be more than the name of this studio or an email address."),
        ("Grace.Hopper1", "The password must be more than the name of this studio or an email address."),
        ("grace.hopper@example.org", "The password must be more than the name of this studio or an email address."),
    ],
)
def test_what_anybody_would_guess_is_refused(password: str, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        passwords.check_new_password(password, "Grace.Hopper@example.org")
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("password", [NEW, "mellow otters", "x" * 200, "grace.hopper and i"])
def test_other_passwords_are_good(password: str) -> None:
    passwords.check_new_password(password, "grace.hopper@example.org")


def test_a_changed_password_works_from_then_on_and_ends_every_session(session: Session) -> None:
    user = factories.user(session)
    secrets = [factories.sign_in(session, user) for _ in range(2)]
    changed = passwords.change_password(session, user.id, factories.PASSWORD, NEW)
    assert [accounts.by_session(session, secret, IDLE) for secret in secrets] == [None, None]
    assert accounts.authenticate(session, user.email, factories.PASSWORD) is None
    assert accounts.authenticate(session, user.email, NEW) is changed
    ended, event = rows(session, AuditEvent)
    assert (ended.action, ended.user_id, ended.subject) == ("sessions.ended", user.id, f"user {user.id}")
    assert ended.details["number"] == 2
    assert (event.action, event.user_id, event.subject) == ("password.changed", user.id, f"user {user.id}")
    assert NEW not in str(event.details)


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ("not it", NEW, "The present password is wrong."),
        (factories.PASSWORD, "short", "The password needs at least 8 characters."),
        (factories.PASSWORD, factories.PASSWORD, "The new password is the present one."),
    ],
)
def test_a_change_that_is_refused_changes_nothing(session: Session, old: str, new: str, refused: str) -> None:
    user = factories.user(session)
    secret = factories.sign_in(session, user)
    with pytest.raises((Forbidden, Invalid), match=f"^{re.escape(refused)}$"):
        passwords.change_password(session, user.id, old, new)
    session.rollback()
    assert accounts.by_session(session, secret, IDLE) is not None
    assert accounts.authenticate(session, user.email, factories.PASSWORD) is user
    assert rows(session, AuditEvent) == []


def test_a_password_is_set_from_a_shell_by_email(session: Session) -> None:
    user = factories.user(session, email="ada@example.org")
    secret = factories.sign_in(session, user)
    passwords.set_password(session, " Ada@Example.org ", NEW)
    assert accounts.by_session(session, secret, IDLE) is None
    assert accounts.authenticate(session, "ada@example.org", NEW) is user
    with pytest.raises(NotFound, match=r"^There is no account with the email bob@example\.org\.$"):
        passwords.set_password(session, "bob@example.org", NEW)
    event = rows(session, AuditEvent)[-1]
    assert (event.action, event.user_id, event.subject) == ("password.set", None, f"user {user.id}")


def test_a_password_that_somebody_else_set_has_to_be_changed_and_one_of_ones_own_has_not(session: Session) -> None:
    user = factories.user(session)
    passwords.set_password(session, user.email, NEW)
    assert user.must_change_password
    assert not passwords.change_password(session, user.id, NEW, "ten quiet otters").must_change_password


def test_another_password_withdraws_the_links_that_would_reset_it(session: Session) -> None:
    user, admin = factories.user(session), factories.user(session, role=Role.ADMIN)
    _, token = password_resets.make(session, admin.id, user.id)
    passwords.change_password(session, user.id, factories.PASSWORD, NEW)
    with pytest.raises(NotFound, match="was withdrawn"):
        password_resets.of_token(session, token)


def test_another_email_takes_the_password_and_a_name_does_not(session: Session) -> None:
    user, other = factories.user(session), factories.user(session)
    accounts.change_profile(session, user.id, " Ada ", user.email, "")
    assert rows(session, User)[0].name == "Ada"
    with pytest.raises(Forbidden, match=r"^The password is wrong, and another email address takes it\.$"):
        accounts.change_profile(session, user.id, "Ada", "ada@example.org", "not it")
    with pytest.raises(Exception, match=r"^There is an account with that email already\.$"):
        accounts.change_profile(session, user.id, "Ada", other.email, factories.PASSWORD)
    session.rollback()
    accounts.change_profile(session, user.id, "Ada", "Ada@Example.org", factories.PASSWORD)
    assert accounts.authenticate(session, "ada@example.org", factories.PASSWORD) is not None
    details = [event.details for event in rows(session, AuditEvent)]
    assert details == [{"name": "Ada"}, {"name": "Ada", "email": "ada@example.org"}]
