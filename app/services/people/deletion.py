"""Deleting a person: the account, and what they wrote in any project, or else their judgments stay under a pseudonym.

The row of the account stays without anything that says whose it was, because the audit log and others refer to it. The
pseudonym is drawn at random and stays, so that figures of agreement still tell people apart. People whom imported files
name have no account, and are deleted by their names.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Select, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.db import (
    ApiToken,
    Assignee,
    AuditEvent,
    FileImport,
    Generation,
    GroupMember,
    Invitation,
    Judgment,
    OrganisationAccount,
    PasswordReset,
    ProjectMember,
    Prompt,
    RecoveryCode,
    Reservation,
    Role,
    SecondFactor,
    SignInSession,
    User,
    everything,
    new_key,
    now,
    project_ids,
    within,
    write_transaction,
)
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.people import accounts, sessions
from app.services.people.sessions import Ending
from app.services.prompts import deletion as prompt_deletion
from app.services.prompts import queue_progress, retirement, studio_settings
from app.services.prompts.assigning import assignments
from app.services.system import audit, deletions, marks
from app.services.system.authorship import TYPED, typed_by, written_by
from app.services.versions import learned
from app.words import gettext

_RENAMED_AT_ONCE = 500
_PERSONAL = {"email", "name", "label", "address"}
"""The details of the audit log that say who somebody is, or where they were."""
_GO = (
    Reservation,
    SignInSession,
    PasswordReset,
    ApiToken,
    SecondFactor,
    RecoveryCode,
    OrganisationAccount,
    ProjectMember,
    GroupMember,
    Assignee,
)
"""The tables of what is a person's alone."""
_own = Judgment.annotator.is_(None)
_judged_screen = exists(select(Judgment.id).where(Judgment.generation_id == Generation.id))
OF_OTHERS = exists(select(Judgment.id).where(Judgment.generation_id == Generation.id, ~_own))
"""The condition of the screens that were imported with what somebody else said of them."""


@dataclass(frozen=True)
class Traces:
    """Numbers of what is stored of a person.

    `judgments` are theirs, undone ones too, of which `written` have a text, `reasons` a reason and `comments` a comment
    of their own.
    `screens` were shown to them, `unjudged` of these without a judgment. `texts` were typed by them and seen by nobody
    else, `shared_texts` by others, too. `others` are judgments of other people that they imported, with `imports`
    files. So many `versions` learned from their judgments.
    """

    judgments: int
    written: int
    reasons: int
    comments: int
    versions: int
    screens: int = 0
    unjudged: int = 0
    texts: int = 0
    shared_texts: int = 0
    others: int = 0
    imports: int = 0


@dataclass
class Deleted:
    """Result of a deletion: the pseudonym, and the texts of the prompts that went."""

    pseudonym: str
    texts: list[str] = field(default_factory=list)


def by_email(session: Session, email: str) -> User:
    """Return the account with an email, or with a pseudonym; raises NotFound."""
    user = session.scalar(select(User).where(func.lower(User.email) == email.strip().lower()))
    if user is None:
        raise NotFound(f"There is no account {email.strip()[:254]}.")
    return user


def traces(session: Session, user_id: int) -> Traces:
    """Count what is stored of a person with an account."""
    of_person = Generation.user_id == user_id
    typed = select(func.count(Prompt.id)).where(typed_by(user_id))
    with everything(session):
        return Traces(
            **_judged(session, written_by(user_id)),
            screens=_count(session, select(func.count(Generation.id)).where(of_person, ~OF_OTHERS)),
            unjudged=_count(session, select(func.count(Generation.id)).where(of_person, ~_judged_screen)),
            texts=_count(session, typed.where(_goes(user_id))),
            shared_texts=_count(session, typed.where(~_goes(user_id))),
            others=_count(session, select(func.count(Judgment.id)).where(Judgment.user_id == user_id, ~_own)),
            imports=_count(session, select(func.count(FileImport.id)).where(FileImport.user_id == user_id)),
        )


def delete_person(session: Session, by: int | None, user_id: int, confirmed: str, keep_judgments: bool) -> Deleted:
    """Delete an account with all that the person wrote; with `keep_judgments`, their judgments stay.

    `confirmed` is the email once more, as it was typed. Others can write between the parts of it, and if it is
    interrupted, calling this again goes on. Of an account that was deleted before, what was kept can be deleted.
    Raises NotFound, Invalid if it was not confirmed, and Conflict for one's own account and the last admin.
    """
    _let_out(session, by, user_id, confirmed)
    found = traces(session, user_id)
    meant = (Generation.user_id == user_id) & (~_judged_screen if keep_judgments else ~OF_OTHERS)
    texts: list[str] = []
    for project in project_ids(session):
        with within(session, project):
            texts += _delete_screens(session, meant)
    with write_transaction(session):
        user = session.get_one(User, user_id, with_for_update=True, populate_existing=True)
        if not keep_judgments:
            _delete_rest_everywhere(session, written_by(user_id))
        assignments.end_of_person(session, by, user_id)
        erased = _make_nobody(session, user)
        kept = found.judgments if keep_judgments else 0
        counted = {"judgments": found.judgments - kept, "kept": kept, "texts": len(texts), "erased": erased}
        audit.record(session, by, "person.deleted", f"user {user_id}", **counted)
        marks.change(session, marks.DELETIONS)
        return Deleted(user.name, texts)


def imported(session: Session) -> list[tuple[str, int]]:
    """Return everybody whom imported files name, with the number of their judgments."""
    named = select(Judgment.annotator, func.count()).where(Judgment.annotator.is_not(None))
    with everything(session):
        return [(str(name), count) for name, count in session.execute(named.group_by(Judgment.annotator))]


def imported_traces(session: Session, name: str) -> Traces:
    """Count what is stored of a person whom imported files name; raises NotFound."""
    with everything(session):
        found = Traces(**_judged(session, Judgment.annotator == name))
    if not found.judgments:
        raise NotFound(gettext("No imported judgment names that person."))
    return found


def delete_imported(session: Session, by: int | None, name: str, confirmed: str, keep_judgments: bool) -> Deleted:
    """Delete the judgments of a person whom imported files name, or put a pseudonym in the place of the name.

    `confirmed` is the name once more. Raises NotFound, and Invalid if it was not confirmed.
    """
    found = imported_traces(session, name)
    if confirmed.strip() != name.strip():
        raise Invalid(gettext("Type the name to confirm: what was typed is another one."))
    pseudonym = _pseudonym(session) if keep_judgments else ""
    if keep_judgments:
        _rename(session, name, pseudonym)
    else:
        of_screen = select(Judgment.id).where(Judgment.generation_id == Generation.id)
        others = exists(of_screen.where(or_(_own, Judgment.annotator != name)))
        named = exists(of_screen.where(Judgment.annotator == name))
        for project in project_ids(session):
            with within(session, project):
                while prompt_deletion.delete_some_screens(session, named & ~others):
                    pass
    with write_transaction(session):
        _delete_rest_everywhere(session, Judgment.annotator == name)
        kept = found.judgments if keep_judgments else 0
        subject = pseudonym or "imported person"
        audit.record(session, by, "person.deleted", subject, judgments=found.judgments - kept, kept=kept)
        marks.change(session, marks.DELETIONS)
    return Deleted(pseudonym)


def _goes(user_id: int) -> ColumnElement[bool]:
    """Return the condition that a typed prompt goes with a person: nobody else saw it, or is to see it."""
    shown = exists(select(Generation.id).where(Generation.prompt_id == Prompt.id, Generation.user_id != user_id))
    return ~or_(shown, *_WANTED)


_WANTED = (Prompt.queued, Prompt.import_id.is_not(None), Prompt.gold_answer.is_not(None))


def _judged(session: Session, meant: ColumnElement[bool]) -> dict[str, int]:
    told = {"written": Judgment.edited_text, "reasons": Judgment.reason, "comments": Judgment.comment}
    counted = [func.count(column).label(name) for name, column in told.items()]
    found = session.execute(select(func.count(Judgment.id).label("judgments"), *counted).where(meant)).one()
    versions = learned.versions_that_read(session, session.scalars(select(Judgment.id).where(meant)))
    return {**found._mapping, "versions": versions}


def _let_out(session: Session, by: int | None, user_id: int, confirmed: str) -> None:
    """Check that an account may be deleted, and let nobody in with it any more."""
    with write_transaction(session):
        user = session.get(User, user_id, with_for_update=True, populate_existing=True)
        if user is None:
            raise NotFound(gettext("There is no user %(id)s.", id=user_id))
        if user_id == by:
            raise Conflict(gettext("You cannot delete your own account: ask another admin."))
        if confirmed.strip().lower() != user.email.lower():
            raise Invalid(gettext("Type the email to confirm: what was typed is another one."))
        accounts.keep_an_admin(session, user_id)
        user.active = False
        sessions.end_all(session, by, user_id, Ending.DELETED)


def _delete_screens(session: Session, meant: ColumnElement[bool]) -> Iterator[str]:
    """Delete the screens that are meant, and of what was typed for them what is left over; yield these texts."""
    left_over = (Prompt.source == TYPED, *(~wanted for wanted in _WANTED))
    shown = exists(select(Generation.id).where(Generation.prompt_id == Prompt.id))
    while prompt_ids := prompt_deletion.delete_some_screens(session, meant):
        with write_transaction(session):
            typed = select(Prompt.id, Prompt.text).where(Prompt.id.in_(prompt_ids), *left_over, ~shown)
            found = session.execute(typed.with_for_update()).all()
            prompt_deletion.delete_rows(session, [number for number, _ in found])
        yield from (text for _, text in found)


def _delete_rest_everywhere(session: Session, meant: ColumnElement[bool]) -> None:
    """Do the same as `_delete_rest` in all projects."""
    for project in project_ids(session):
        with within(session, project):
            _delete_rest(session, meant)


def _delete_rest(session: Session, meant: ColumnElement[bool]) -> None:
    """Delete the judgments of screens that somebody else has judged, too, in the running transaction."""
    ids = session.scalars(select(Judgment.id).where(meant)).all()
    if ids:
        deletions.delete_judgments(session, ids)
        retirement.bring_back(session, studio_settings.settings(session))
        queue_progress.mark(session)


def _make_nobody(session: Session, user: User) -> int:
    """Leave of an account its id and a pseudonym, in the running transaction; return how many details it erased."""
    if user.deleted_at is None:
        # No email: it has no @, so that nobody can sign in with it.
        user.name = user.email = _pseudonym(session)
        user.deleted_at = now()
    user.password_hash, user.settings, user.role, user.last_seen_at = "", {}, Role.ANNOTATOR, None
    for table in _GO:
        session.execute(delete(table).where(table.user_id == user.id), execution_options={"synchronize_session": False})
    joined = session.scalars(select(Invitation).where(Invitation.used_by == user.id)).all()
    for invitation in joined:
        invitation.label = ""
    about = [f"user {user.id}", *(f"invitation {invitation.id}" for invitation in joined)]
    own = audit.erase(session, AuditEvent.user_id == user.id, {"address"})
    return own + audit.erase(session, AuditEvent.subject.in_(about), _PERSONAL)


def _rename(session: Session, name: str, pseudonym: str) -> None:
    """Put a pseudonym in the place of a name, and random keys in that of those that were made of the name."""
    named = select(Judgment.id).where(Judgment.annotator == name).limit(_RENAMED_AT_ONCE)
    while True:
        with write_transaction(session), everything(session):
            ids = session.scalars(named).all()
            if not ids:
                return
            session.execute(
                update(Judgment),
                [{"id": number, "annotator": pseudonym, "client_key": new_key()} for number in ids],
            )
            marks.change(session, marks.DELETIONS)


def _pseudonym(session: Session) -> str:
    """Return a name that nobody has."""
    while True:
        name = f"Person {secrets.token_hex(2)}"
        users, judgments = (
            exists(select(table.id).where(column == name))
            for table, column in ((User, User.email), (Judgment, Judgment.annotator))
        )
        with everything(session):
            if not session.scalar(select(or_(users, judgments))):
                return name


def _count(session: Session, query: Select[int]) -> int:
    return session.scalar(query) or 0
