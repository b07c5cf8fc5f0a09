"""Invitation links: good once, for a while, and only while whoever made them may invite."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, Invitation, Role, User, now
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.people import accounts, invitations, links
from tests import factories
from tests.studio import rows

PASSWORD = "a calm password"


@pytest.fixture
def admin(session: Session) -> User:
    return factories.user(session, role=Role.ADMIN)


def test_a_link_makes_one_account_of_its_role(session: Session, admin: User) -> None:
    invitation, token = invitations.invite(session, admin.id, "admin", " Grace ", 7)
    assert (invitation.label, links.state(invitation)) == ("Grace", "open")
    user = invitations.accept(session, token, "Grace@Example.org", "Grace", PASSWORD)
    assert (user.email, user.role, user.name) == ("grace@example.org", "admin", "Grace")
    assert accounts.authenticate(session, "grace@example.org", PASSWORD) is user
    (row,) = rows(session, Invitation)
    assert (row.used_by, links.state(row)) == (user.id, "used")
    with pytest.raises(
        NotFound, match=r"^This invitation link was used already: sign in with the account that it made\.$"
    ):
        invitations.accept(session, token, "second@example.org", "", PASSWORD)
    assert len(rows(session, User)) == 2
    made, joined = rows(session, AuditEvent)
    assert (made.action, made.user_id, made.subject) == ("invitation.created", admin.id, f"invitation {row.id}")
    assert made.details == {"role": "admin", "label": "Grace"}
    assert (joined.action, joined.user_id) == ("user.joined", user.id)


def test_the_secret_is_kept_nowhere(session: Session, admin: User) -> None:
    _, token = invitations.invite(session, admin.id, "annotator", "", 1)
    assert len(token) == 32
    for row in (*rows(session, Invitation), *rows(session, AuditEvent)):
        assert token not in str(vars(row))


@pytest.mark.parametrize(
    ("role", "label", "days", "sentence"),
    [
        ("owner", "", 7, "The role must be annotator or admin."),
        ("admin", "", 8, "A link may be good for 1, 7 or 30 days."),
        ("admin", "x" * 101, 7, "The note may have at most 100 characters, and none that cannot be stored."),
        ("admin", "\x00", 7, "The note may have at most 100 characters, and none that cannot be stored."),
    ],
)
def test_a_link_that_cannot_be_is_refused(
    session: Session, admin: User, role: str, label: str, days: int, sentence: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        invitations.invite(session, admin.id, role, label, days)
    assert str(refusal.value) == sentence
    assert rows(session, Invitation) == []


def test_a_refused_account_leaves_the_link_good(session: Session, admin: User) -> None:
    _, token = invitations.invite(session, admin.id, "annotator", "", 7)
    with pytest.raises(Invalid, match=r"^The password needs at least 8 characters\.$"):
        invitations.accept(session, token, "grace@example.org", "", "short")
    with pytest.raises(Conflict, match=r"^There is an account with that email already\.$"):
        invitations.accept(session, token, admin.email, "", PASSWORD)
    assert invitations.accept(session, token, "grace@example.org", "", PASSWORD).role == "annotator"


def test_an_expired_or_withdrawn_or_unknown_link_says_so(session: Session, admin: User) -> None:
    expired, old = invitations.invite(session, admin.id, "annotator", "", 1)
    expired.expires_at = now() - timedelta(seconds=1)
    session.commit()
    withdrawn, gone = invitations.invite(session, admin.id, "annotator", "", 1)
    for _ in range(2):
        invitations.withdraw(session, admin.id, withdrawn.id)
    for token, sentence in (
        (old, "has expired"),
        (gone, "was withdrawn"),
        ("x", "is not known"),
        ("\x00", "is not known"),
    ):
        with pytest.raises(NotFound, match=rf"^This invitation link {sentence}: ask for a new one\.$"):
            invitations.of_token(session, token)
    (undone,) = (event for event in rows(session, AuditEvent) if event.action == "invitation.withdrawn")
    assert (undone.user_id, undone.subject) == (admin.id, f"invitation {withdrawn.id}")
    assert [links.state(one) for one in invitations.latest(session)] == ["withdrawn", "expired"]


def test_a_used_link_cannot_be_withdrawn(session: Session, admin: User) -> None:
    invitation, token = invitations.invite(session, admin.id, "annotator", "", 1)
    invitations.accept(session, token, "grace@example.org", "", PASSWORD)
    with pytest.raises(Conflict, match=r"^That link was used already: deactivate the person instead\.$"):
        invitations.withdraw(session, admin.id, invitation.id)
    with pytest.raises(NotFound, match=r"^There is no invitation 99\.$"):
        invitations.withdraw(session, admin.id, 99)


@pytest.mark.parametrize("change", [{"active": False}, {"role": "annotator"}])
def test_the_links_of_someone_who_may_no_longer_invite_are_worth_nothing(
    session: Session, admin: User, change: dict[str, object]
) -> None:
    _, token = invitations.invite(session, admin.id, "admin", "", 7)
    for name, value in change.items():
        setattr(admin, name, value)
    session.commit()
    with pytest.raises(
        NotFound, match=r"^Whoever made this invitation link may no longer invite: ask for a new one\.$"
    ):
        invitations.accept(session, token, "grace@example.org", "", PASSWORD)
