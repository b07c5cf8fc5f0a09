"""People who sign in with an account at their organisation: who is let in, and which account here is theirs.

A person is known by issuer and subject, which never change. An email address is only how they are found the first time,
and then only if nobody else can hold a password of the account: see docs/decisions/0041.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.config import Organisation
from app.db import OrganisationAccount, Role, User, write_transaction
from app.domain_errors import Conflict, Forbidden
from app.services.people import accounts
from app.services.system import audit
from app.words import gettext

log = logging.getLogger(__name__)

_LONGEST_SUBJECT = 255
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Claims:
    """The organisation's word on a person, after all checks. `role` is None if groups decide nothing."""

    issuer: str
    subject: str
    email: str
    name: str
    role: Role | None


class Admission(NamedTuple):
    """The account of a person. If `proves` they must sign in to it with its password before it is joined to theirs."""

    user: User
    proves: bool


def read_claims(said: Mapping[str, Any], organisation: Organisation) -> Claims:
    """Return the verified claims of a person; raises Forbidden for whom the studio does not let in, and Invalid."""
    subject, email = said.get("sub"), said.get("email")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or "\x00" in subject:
        raise Forbidden(gettext("Signing in with %(name)s gave no usable name of an account.", name=organisation.name))
    # Some providers write the truth value as a text.
    if not isinstance(email, str) or said.get("email_verified") not in (True, "true"):
        raise Forbidden(
            gettext("Signing in with %(name)s gave no email address that was verified there.", name=organisation.name)
        )
    email = accounts.normal(email)
    domain = email.rpartition("@")[2]
    if domain not in organisation.domains:
        raise Forbidden(
            gettext(
                "Signing in with %(name)s is not for addresses at %(domain)s.", name=organisation.name, domain=domain
            )
        )
    name = said.get("name")
    name = name.replace("\x00", "").strip()[:_LONGEST_NAME] if isinstance(name, str) else ""
    accounts.check_profile(email, name)
    return Claims(organisation.issuer, subject, email, name, _role(said, organisation))


def admit(session: Session, claims: Claims) -> Admission:
    """Return the person's account, made if it is new, with the role that their groups give.

    Raises Forbidden for an account that may not sign in or belongs to somebody else.
    """
    user = _linked(session, claims)
    if user is None:
        user = session.scalar(select(User).where(User.email == claims.email))
        if user is None:
            return Admission(_join(session, claims), proves=False)
        _check_active(user)
        _check_free(session, user, claims)
        if user.has_password:
            return Admission(user, proves=True)
        link(session, user, claims)
    _check_active(user)
    follow_groups(session, user, claims)
    return Admission(user, proves=False)


def link(session: Session, user: User, claims: Claims) -> None:
    """Join the organisation's account to one here.

    Raises Forbidden if either is joined to another already, and for an account that was closed meanwhile.
    """
    with write_transaction(session):
        session.refresh(user, with_for_update=True)
        _check_active(user)
        _check_free(session, user, claims)
        if _linked(session, claims) is not None:
            raise Forbidden(gettext("That account of your organisation belongs to somebody else here: ask an admin."))
        _add(session, user, claims)
        audit.record(session, user.id, "organisation.linked", f"user {user.id}", issuer=claims.issuer)


def follow_groups(session: Session, user: User, claims: Claims) -> None:
    """Give the person the role that their groups say; the last admin stays one, which is logged."""
    if claims.role is None or claims.role == user.role:
        return
    try:
        accounts.set_role(session, None, user.id, claims.role, because="groups")
    except Conflict:
        log.warning("User %s is in no group of admins, but stays one: there is no other.", user.id)


def _role(said: Mapping[str, Any], organisation: Organisation) -> Role | None:
    if not organisation.admin_groups:
        return None
    groups = said.get(organisation.groups_claim)
    if groups is None:
        log.warning("Nothing was said of %s: that counts as no groups.", organisation.groups_claim)
    named = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    return Role.ADMIN if any(group in named for group in organisation.admin_groups) else Role.ANNOTATOR


def _linked(session: Session, claims: Claims) -> User | None:
    theirs = (OrganisationAccount.issuer == claims.issuer, OrganisationAccount.subject == claims.subject)
    return session.scalar(select(User).join(OrganisationAccount, OrganisationAccount.user_id == User.id).where(*theirs))


def _join(session: Session, claims: Claims) -> User:
    with write_transaction(session):
        if claims.role != Role.ADMIN and not accounts.anyone(session):
            raise Forbidden(gettext("Mellow has no admin yet: open the link that was printed at its start."))
        user = accounts.new_user(session, claims.email, None, claims.role or Role.ANNOTATOR, claims.name)
        session.flush()
        _add(session, user, claims)
        subject = f"user {user.id}"
        audit.record(session, user.id, "user.joined", subject, email=user.email, role=user.role, issuer=claims.issuer)
    return user


def _add(session: Session, user: User, claims: Claims) -> None:
    session.add(OrganisationAccount(user_id=user.id, issuer=claims.issuer, subject=claims.subject))


def _check_active(user: User) -> None:
    if not user.active:
        raise Forbidden(gettext("Your account here may no longer sign in: ask an admin."))


def _check_free(session: Session, user: User, claims: Claims) -> None:
    """Raise Forbidden if the account is joined to another one of the organisation: addresses change hands."""
    taken = exists().where(OrganisationAccount.user_id == user.id, OrganisationAccount.issuer == claims.issuer)
    if session.scalar(select(taken)):
        raise Forbidden(
            gettext(
                "The account of %(email)s belongs to somebody else of your organisation: ask an admin.",
                email=claims.email,
            )
        )
