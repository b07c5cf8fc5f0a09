"""Invitation links with which people make their own accounts. Only a hash of a link's secret is stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.db import Invitation, ProjectRole, Role, User, now, write_transaction
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.people import accounts, links
from app.services.people.passwords import check_new_password
from app.services.projects import memberships
from app.services.system import audit
from app.words import gettext

DAYS = (1, 7, 30)
_LISTED = 50
_LONGEST_LABEL = 100


def invite(
    session: Session,
    by: int,
    role: str,
    label: str,
    days: int,
    form_key: str | None = None,
    projects: Mapping[int, ProjectRole] | None = None,
) -> tuple[Invitation, str]:
    """Create an invitation and return it with its secret, valid for one account within `days`, one of DAYS.

    Whoever uses it is a member of these `projects` alone, without any an annotator of the first.
    A form is sent once: with its key again, nothing is created. Raises Invalid and Conflict.
    """
    label = label.strip()
    if role not in list(Role):
        raise Invalid(gettext("The role must be annotator or admin."))
    if days not in DAYS:
        raise Invalid(
            gettext(
                "A link may be good for %(days)s or %(most)s days.", days=", ".join(map(str, DAYS[:-1])), most=DAYS[-1]
            )
        )
    if len(label) > _LONGEST_LABEL or "\x00" in label:
        raise Invalid(
            gettext(
                "The note may have at most %(most)s characters, and none that cannot be stored.", most=_LONGEST_LABEL
            )
        )
    token = links.new_secret()
    with write_transaction(session):
        session.get_one(User, by, with_for_update=True)  # one form of a person after the other
        if form_key and session.scalar(select(exists(select(Invitation.id).where(Invitation.form_key == form_key)))):
            raise Conflict(gettext("This form was sent before: its link was shown then, and no second one was made."))
        invitation = Invitation(
            token_hash=links.hash_of(token),
            form_key=form_key,
            role=Role(role),
            label=label,
            created_by=by,
            expires_at=now() + timedelta(days=days),
            projects={str(number): role for number, role in projects.items()} if projects else None,
        )
        session.add(invitation)
        session.flush()
        audit.record(session, by, "invitation.created", f"invitation {invitation.id}", role=role, label=label)
    return invitation, token


def latest(session: Session) -> list[Invitation]:
    """Return the latest invitations, the newest first."""
    return list(session.scalars(select(Invitation).order_by(Invitation.id.desc()).limit(_LISTED)))


def withdraw(session: Session, by: int, invitation_id: int) -> Invitation:
    """Withdraw an invitation; raises Conflict if it was used already. Repeating it changes nothing."""
    with write_transaction(session):
        invitation = session.get(Invitation, invitation_id, with_for_update=True)
        if invitation is None:
            raise NotFound(gettext("There is no invitation %(id)s.", id=invitation_id))
        if invitation.used_at is not None:
            raise Conflict(gettext("That link was used already: deactivate the person instead."))
        if invitation.withdrawn_at is None:
            invitation.withdrawn_at = now()
            audit.record(session, by, "invitation.withdrawn", f"invitation {invitation_id}")
    return invitation


def of_token(session: Session, token: str) -> Invitation:
    """Return the invitation of a link's secret; raises NotFound with the reason if it cannot be used."""
    found = select(Invitation).where(Invitation.token_hash == links.hash_of(token)).with_for_update()
    invitation = session.scalar(found)
    if invitation is None:
        raise NotFound(gettext("This invitation link is not known: ask for a new one."))
    said = {
        "used": gettext("This invitation link was used already: sign in with the account that it made."),
        "withdrawn": gettext("This invitation link was withdrawn: ask for a new one."),
        "expired": gettext("This invitation link has expired: ask for a new one."),
    }
    if (now_is := links.state(invitation)) in said:
        raise NotFound(said[now_is])
    inviter = session.get_one(User, invitation.created_by)
    if not (inviter.active and inviter.is_admin):
        raise NotFound(gettext("Whoever made this invitation link may no longer invite: ask for a new one."))
    return invitation


def accept(session: Session, token: str, email: str, name: str, password: str) -> User:
    """Create the account of an invitation; if two do so at the same moment, one succeeds."""
    check_new_password(password, email)
    with write_transaction(session):
        invitation = of_token(session, token)
        user = accounts.new_user(session, email, password, invitation.role, name)
        session.flush()
        if invitation.projects:
            roles = {int(number): ProjectRole(role) for number, role in invitation.projects.items()}
            memberships.begin(session, user.id, roles)
        invitation.used_at, invitation.used_by = now(), user.id
        subject = f"user {user.id}"
        audit.record(session, user.id, "user.joined", subject, email=user.email, invitation=invitation.id)
    return user
