"""Accounts of organisations: who is let in, which account here is theirs, and what their groups decide."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.config import Organisation
from app.db import AuditEvent, OrganisationAccount, Role, User
from app.domain_errors import Forbidden, Invalid
from app.services.people import accounts, passwords
from app.services.people.authentication import organisation_accounts
from app.services.people.authentication.organisation_accounts import Claims
from tests import factories
from tests.studio import rows

ORGANISATION = Organisation(
    issuer="https://id.example.org",
    client_id="mellow",
    client_secret="secret",
    name="Example",
    domains=("example.org", "example.com"),
    groups_claim="groups",
    admin_groups=("mellow admins",),
)
ADA: dict[str, Any] = {"sub": "ada-1", "email": "Ada@Example.org", "email_verified": True, "name": "Ada"}


def claims(**changed: Any) -> Claims:
    given = Claims("https://id.example.org", "ada-1", "ada@example.org", "Ada", None)
    return Claims(**vars(given) | changed)


def actions(session: Session) -> list[str]:
    return [event.action for event in rows(session, AuditEvent)]


@pytest.fixture
def admin(session: Session) -> User:
    """A studio has somebody already."""
    return factories.user(session, role=Role.ADMIN)


def test_claims_are_read_with_the_role_of_their_groups() -> None:
    read = organisation_accounts.read_claims(ADA | {"groups": ["staff", "mellow admins"]}, ORGANISATION)
    assert read == Claims("https://id.example.org", "ada-1", "ada@example.org", "Ada", Role.ADMIN)


@pytest.mark.parametrize("groups", [["staff"], [], None, "staff", 7, [{"name": "mellow admins"}]])
def test_whoever_is_in_no_group_of_admins_is_an_annotator(groups: object) -> None:
    assert organisation_accounts.read_claims(ADA | {"groups": groups}, ORGANISATION).role is Role.ANNOTATOR


def test_without_groups_of_admins_groups_decide_nothing() -> None:
    without = Organisation(**vars(ORGANISATION) | {"admin_groups": ()})
    assert organisation_accounts.read_claims(ADA | {"groups": ["mellow admins"]}, without).role is None


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"email_verified": False}, "gave no email address that was verified there."),
        ({"email_verified": None}, "gave no email address that was verified there."),
        ({"email_verified": "false"}, "gave no email address that was verified there."),
        ({"email": None}, "gave no email address that was verified there."),
        ({"email": "ada@elsewhere.org"}, "is not for addresses at elsewhere.org."),
        ({"email": "ada@sub.example.org"}, "is not for addresses at sub.example.org."),
        ({"email": "example.org"}, "That is not an email address."),
        ({"email": "a\x00@example.org"}, "That is not an email address."),
        ({"sub": ""}, "gave no usable name of an account."),
        ({"sub": "s" * 256}, "gave no usable name of an account."),
    ],
)
def test_others_are_refused_in_one_sentence(said: dict[str, object], sentence: str) -> None:
    with pytest.raises((Forbidden, Invalid)) as refused:
        organisation_accounts.read_claims(ADA | said, ORGANISATION)
    assert str(refused.value).endswith(sentence)


def test_someone_new_gets_an_account_without_a_password(app: object, session: Session, admin: User) -> None:
    user, proves = organisation_accounts.admit(session, claims())
    assert (user.email, user.name, user.role, proves) == ("ada@example.org", "Ada", "annotator", False)
    assert not user.has_password
    for guess in ("", user.password_hash, "None"):
        assert accounts.authenticate(session, "ada@example.org", guess) is None
    (event,) = rows(session, AuditEvent)
    assert (event.action, event.user_id) == ("user.joined", user.id)
    assert event.details["issuer"] == "https://id.example.org"
    passwords.set_password(session, "ada@example.org", "nine quiet otters")
    assert accounts.authenticate(session, "ada@example.org", "nine quiet otters") is user


def test_the_same_account_is_found_by_its_subject_whatever_its_email(session: Session, admin: User) -> None:
    first = organisation_accounts.admit(session, claims()).user
    again = organisation_accounts.admit(session, claims(email="lovelace@example.org"))
    assert (again.user.id, again.user.email, again.proves) == (first.id, "ada@example.org", False)
    assert len(rows(session, User)) == 2


def test_a_studio_without_an_admin_is_not_opened_by_anybody_but_an_admin(session: Session) -> None:
    with pytest.raises(Forbidden, match=r"^Mellow has no admin yet: open the link that was printed at its start\.$"):
        organisation_accounts.admit(session, claims())
    assert organisation_accounts.admit(session, claims(role=Role.ADMIN)).user.is_admin


def test_an_account_with_a_password_is_joined_only_after_that_was_given(session: Session, admin: User) -> None:
    ada = factories.user(session, email="ada@example.org")
    assert organisation_accounts.admit(session, claims()) == (ada, True)
    assert rows(session, OrganisationAccount) == []
    organisation_accounts.link(session, ada, claims())
    assert organisation_accounts.admit(session, claims()) == (ada, False)
    (event,) = rows(session, AuditEvent)
    assert (event.action, event.user_id, event.subject) == ("organisation.linked", ada.id, f"user {ada.id}")
    assert event.details == {"issuer": "https://id.example.org"}


def test_an_account_without_a_password_is_joined_to_another_provider_by_its_email(
    session: Session, admin: User
) -> None:
    ada = organisation_accounts.admit(session, claims()).user
    moved = organisation_accounts.admit(session, claims(issuer="https://new.example.org", subject="x"))
    assert moved == (ada, False)
    assert len(rows(session, OrganisationAccount)) == 2


def test_an_address_that_was_given_to_somebody_else_does_not_lead_to_the_old_account(
    session: Session, admin: User
) -> None:
    ada = organisation_accounts.admit(session, claims()).user
    with pytest.raises(
        Forbidden,
        match=r"^The account of ada@example\.org belongs to somebody else of your organisation: ask an admin\.$",
    ):
        organisation_accounts.admit(session, claims(subject="ada-2"))
    with pytest.raises(Forbidden, match=r"^The account of ada@example\.org belongs to somebody else"):
        organisation_accounts.link(session, ada, claims(subject="ada-2"))
    bob = factories.user(session)
    with pytest.raises(
        Forbidden, match=r"^That account of your organisation belongs to somebody else here: ask an admin\.$"
    ):
        organisation_accounts.link(session, bob, claims())


def test_a_deactivated_account_stays_closed(session: Session, admin: User) -> None:
    ada = organisation_accounts.admit(session, claims()).user
    factories.user(session, email="bob@example.org", active=False)
    accounts.set_active(session, admin.id, ada.id, False)
    for who in (claims(), claims(subject="bob-1", email="bob@example.org")):
        with pytest.raises(Forbidden, match=r"^Your account here may no longer sign in: ask an admin\.$"):
            organisation_accounts.admit(session, who)


def test_an_account_that_is_closed_between_the_password_and_the_joining_is_not_joined(
    session: Session, admin: User
) -> None:
    ada = factories.user(session, email="ada@example.org")
    assert organisation_accounts.admit(session, claims()).proves
    accounts.set_active(session, admin.id, ada.id, False)
    with pytest.raises(Forbidden, match=r"^Your account here may no longer sign in: ask an admin\.$"):
        organisation_accounts.link(session, ada, claims())
    assert rows(session, OrganisationAccount) == []


def test_roles_follow_the_groups_at_each_sign_in(session: Session, admin: User) -> None:
    ada = organisation_accounts.admit(session, claims(role=Role.ADMIN)).user
    assert ada.is_admin
    organisation_accounts.admit(session, claims(role=None))
    assert ada.is_admin
    organisation_accounts.admit(session, claims(role=Role.ANNOTATOR))
    assert not ada.is_admin
    event = rows(session, AuditEvent)[-1]
    assert (event.action, event.details) == (
        "role.changed",
        {"before": "admin", "after": "annotator", "because": "groups"},
    )


def test_groups_never_take_the_last_admin_away(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    ada = organisation_accounts.admit(session, claims(role=Role.ADMIN)).user
    with caplog.at_level(logging.WARNING):
        assert organisation_accounts.admit(session, claims(role=Role.ANNOTATOR)).user.is_admin
    assert f"User {ada.id} is in no group of admins, but stays one" in caplog.text
