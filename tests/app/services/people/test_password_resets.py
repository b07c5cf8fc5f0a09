"""Links that reset a password: good once, for a day, and only while whoever made them is an admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, PasswordReset, Role, User, now
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.people import accounts, links, password_resets
from tests import factories
from tests.studio import rows

NEW = "nine quiet otters"


@pytest.fixture
def admin(session: Session) -> User:
    return factories.user(session, role=Role.ADMIN)


@pytest.fixture
def grace(session: Session) -> User:
    return factories.user(session, must_change_password=True)


def test_a_link_sets_a_password_of_ones_own_once_and_ends_every_session(
    session: Session, admin: User, grace: User
) -> None:
    secret = factories.sign_in(session, grace)
    reset, token = password_resets.make(session, admin.id, grace.id)
    assert password_resets.of_token(session, token) == (reset, grace)
    assert password_resets.use(session, token, NEW) is grace
    assert accounts.by_session(session, secret, timedelta(hours=1)) is None
    assert accounts.authenticate(session, grace.email, NEW) is grace
    assert not grace.must_change_password
    with pytest.raises(NotFound, match=r"^This reset link was used already: sign in with the password that was set\.$"):
        password_resets.use(session, token, "ten quiet otters")
    assert accounts.authenticate(session, grace.email, NEW) is grace
    assert [(event.action, event.user_id, event.subject) for event in rows(session, AuditEvent)] == [
        ("reset.created", admin.id, f"user {grace.id}"),
        ("sessions.ended", grace.id, f"user {grace.id}"),
        ("password.reset", grace.id, f"user {grace.id}"),
    ]


def test_the_secret_is_stored_nowhere(session: Session, admin: User, grace: User) -> None:
    _, token = password_resets.make(session, admin.id, grace.id)
    for row in (*rows(session, PasswordReset), *rows(session, AuditEvent)):
        assert token not in str(vars(row))


def test_a_refused_password_leaves_the_link_good(session: Session, admin: User, grace: User) -> None:
    _, token = password_resets.make(session, admin.id, grace.id)
    with pytest.raises(Invalid, match=r"^The password needs at least 8 characters\.$"):
        password_resets.use(session, token, "short")
    assert password_resets.use(session, token, NEW) is grace


def test_a_new_link_takes_the_place_of_the_older_one(session: Session, admin: User, grace: User) -> None:
    first, second = (password_resets.make(session, admin.id, grace.id)[1] for _ in range(2))
    with pytest.raises(NotFound, match=r"^This reset link was withdrawn: ask an admin for a new one\.$"):
        password_resets.use(session, first, NEW)
    assert password_resets.use(session, second, NEW) is grace
    assert [links.state(one) for one in password_resets.latest(session, grace.id)] == ["used", "withdrawn"]


def test_a_link_that_cannot_be_used_says_why(session: Session, admin: User, grace: User) -> None:
    reset, token = password_resets.make(session, admin.id, grace.id)
    assert timedelta(hours=23) < reset.expires_at - now() <= timedelta(hours=24)
    reset.expires_at = now() - timedelta(seconds=1)
    session.commit()
    for secret, sentence in ((token, "has expired"), ("x", "is not known"), ("\x00", "is not known")):
        with pytest.raises(NotFound, match=rf"^This reset link {sentence}: ask an admin for a new one\.$"):
            password_resets.of_token(session, secret)


def test_a_link_is_withdrawn_once_and_only_as_that_persons(session: Session, admin: User, grace: User) -> None:
    reset, token = password_resets.make(session, admin.id, grace.id)
    with pytest.raises(NotFound, match=rf"^This person has no reset link {reset.id}\.$"):
        password_resets.withdraw(session, admin.id, admin.id, reset.id)
    for _ in range(2):
        password_resets.withdraw(session, admin.id, grace.id, reset.id)
    with pytest.raises(NotFound, match=r"^This reset link was withdrawn: ask an admin for a new one\.$"):
        password_resets.use(session, token, NEW)
    assert [event.action for event in rows(session, AuditEvent)] == ["reset.created", "reset.withdrawn"]
    used, token = password_resets.make(session, admin.id, grace.id)
    password_resets.use(session, token, NEW)
    with pytest.raises(Conflict, match=r"^That link was used already\.$"):
        password_resets.withdraw(session, admin.id, grace.id, used.id)


def test_there_is_no_link_for_nobody_or_somebody_who_may_not_sign_in(session: Session, admin: User) -> None:
    with pytest.raises(NotFound, match=r"^There is no user 99\.$"):
        password_resets.make(session, admin.id, 99)
    out = factories.user(session, active=False)
    with pytest.raises(Conflict, match=rf"^{out.email} may not sign in: reactivate the account first\.$"):
        password_resets.make(session, admin.id, out.id)


@pytest.mark.parametrize(
    ("whose", "change"), [("admin", {"active": False}), ("admin", {"role": "annotator"}), ("grace", {"active": False})]
)
def test_a_link_is_worth_nothing_once_its_maker_is_no_admin_or_its_person_is_out(
    session: Session, admin: User, grace: User, whose: str, change: dict[str, object]
) -> None:
    _, token = password_resets.make(session, admin.id, grace.id)
    for name, value in change.items():
        setattr(admin if whose == "admin" else grace, name, value)
    session.commit()
    with pytest.raises(NotFound, match=r"^This reset link is worth nothing any more: ask an admin for a new one\.$"):
        password_resets.use(session, token, NEW)
