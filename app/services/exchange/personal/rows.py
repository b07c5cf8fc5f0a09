"""Everything that is stored of a person: which rows, and what becomes of them when the account is deleted.

A column that refers to users must be among the `columns` of a kind: a test walks the tables. Secrets, hashes and what
is only computed from texts, such as features, are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Table, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload

from app.db import (
    ApiToken,
    Assignee,
    Assignment,
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
    SecondFactor,
    SignInSession,
    StudioSetting,
    TrainingRun,
    User,
    Webhook,
)
from app.services.people import deletion
from app.services.system import authorship

_AT_ONCE = 100
_STAYS = "They stay, and name the pseudonym."
_OF_PEOPLE = ("email", "name", "label")
_CHAIN = ("seals", "previous", "hash")
"""Columns of the audit log. With its seal, a detail of somebody else could be guessed that is left out."""

Row = dict[str, Any]
Read = Callable[[Session, int], Iterator[Row]]


@dataclass(frozen=True)
class Kind:
    """Rows about a person: the name of their file, what they are, what a deletion does, and how they are read.

    `columns` are those that refer to the person.
    """

    name: str
    about: str
    on_deletion: str
    columns: tuple[InstrumentedAttribute[Any], ...]
    read: Read


def judgments(session: Session, meant: ColumnElement[bool]) -> Iterator[Row]:
    """Yield the judgments that are meant, undone ones too, with what was on the screen; memory holds some hundred."""
    whole = (
        selectinload(Judgment.generation).selectinload(Generation.candidates),
        selectinload(Judgment.generation).selectinload(Generation.prompt),
        selectinload(Judgment.preferences),
    )
    query = select(Judgment).where(meant).options(*whole).order_by(Judgment.id).limit(_AT_ONCE)
    last = 0
    while some := session.scalars(query.where(Judgment.id > last)).all():
        last = some[-1].id
        yield from map(_judgment, some)
        session.expunge_all()


def _judgment(one: Judgment) -> Row:
    return {
        **_columns_of(one, leave_out=("edited_features",)),
        **_asked(one.generation.prompt),
        "candidates": _candidates(one.generation),
        "attention_check": one.generation.gold,
        "pairs": [
            {"chosen": pair.chosen, "rejected": pair.rejected, "weight": pair.weight} for pair in one.preferences
        ],
    }


def _screens(session: Session, user_id: int) -> Iterator[Row]:
    query = (
        select(Generation)
        .where(Generation.user_id == user_id, ~deletion.OF_OTHERS)
        .options(selectinload(Generation.candidates), selectinload(Generation.prompt))
        .order_by(Generation.id)
        .limit(_AT_ONCE)
    )
    last = 0
    while some := session.scalars(query.where(Generation.id > last)).all():
        last = some[-1].id
        for one in some:
            # Whether it is an attention check and which version wrote what stand with the judgment, once there is one.
            row = _columns_of(one, leave_out=("gold", "sampling", "comparison_id"))
            cards = [{name: value for name, value in card.items() if name != "version"} for card in _candidates(one)]
            yield row | _asked(one.prompt) | {"candidates": cards}
        session.expunge_all()


def _asked(prompt: Prompt) -> Row:
    """Return what a prompt asks: its text, and in a chat what was said before."""
    return {"prompt": prompt.text, **({"turns": prompt.turns} if prompt.turns else {})}


def _candidates(screen: Generation) -> list[Row]:
    return [
        {"id": one.id, "position": one.position, "text": one.text, "version": one.version_number}
        for one in screen.candidates
    ]


def _audit(session: Session, user_id: int) -> Iterator[Row]:
    """Yield the entries by or about a person, without what those about others say of these."""
    about = f"user {user_id}"
    meant = or_(AuditEvent.user_id == user_id, AuditEvent.subject == about)
    for row in _rows(session, AuditEvent, meant, leave_out=_CHAIN):
        if row["subject"] != about:
            row["details"] = {name: value for name, value in row["details"].items() if name not in _OF_PEOPLE}
        yield row


def _prompts(session: Session, user_id: int) -> Iterator[Row]:
    files = select(FileImport.id).where(FileImport.user_id == user_id)
    return _rows(session, Prompt, or_(authorship.typed_by(user_id), Prompt.import_id.in_(files)))


def _plain(*columns: InstrumentedAttribute[Any], leave_out: tuple[str, ...] = ()) -> Read:
    """Return what reads the rows of a table of which one of the columns names the person."""

    def read(session: Session, user_id: int) -> Iterator[Row]:
        meant = or_(*(column == user_id for column in columns))
        return _rows(session, columns[0].parent.class_, meant, leave_out)

    return read


def _rows(
    session: Session, table: type[Any], meant: ColumnElement[bool], leave_out: tuple[str, ...] = ()
) -> Iterator[Row]:
    stored: Table = table.__table__
    columns = [one for one in stored.columns if one.name not in leave_out and not isinstance(one.type, LargeBinary)]
    found = session.connection().execute(
        select(*columns).where(meant).order_by(*stored.primary_key), execution_options={"yield_per": _AT_ONCE}
    )
    return ({name: _written(value) for name, value in row._mapping.items()} for row in found)


def _columns_of(row: Generation | Judgment, leave_out: tuple[str, ...]) -> Row:
    names = (one.key for one in type(row).__mapper__.column_attrs if one.key not in leave_out)
    return {name: _written(getattr(row, name)) for name in names}


def _written(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value  # a moment is one, too


KINDS = (
    Kind(
        "account",
        "The account: email, name, role, settings of the desk, and when it was last seen.",
        "The row stays with a pseudonym, and without email, name, password and settings.",
        (User.id,),
        _plain(User.id, leave_out=("password_hash",)),
    ),
    Kind(
        "sessions",
        "Sign-ins, without the secrets of their cookies.",
        "They go.",
        (SignInSession.user_id,),
        _plain(SignInSession.user_id, leave_out=("secret_hash",)),
    ),
    Kind(
        "api_tokens",
        "API tokens, without what is sent of them.",
        "They go.",
        (ApiToken.user_id,),
        _plain(ApiToken.user_id, leave_out=("token_hash", "form_key")),
    ),
    Kind(
        "password_resets",
        "Links that reset a password, of the person or made by them, without their secrets.",
        "The person's own go; those that they made for others stay, and open nothing.",
        (PasswordReset.user_id, PasswordReset.created_by),
        _plain(PasswordReset.user_id, PasswordReset.created_by, leave_out=("token_hash",)),
    ),
    Kind(
        "second_factors",
        "The second factor: since when there is one, without the secret that the app shares with the studio.",
        "It goes.",
        (SecondFactor.user_id,),
        _plain(SecondFactor.user_id, leave_out=("sealed_secret",)),
    ),
    Kind(
        "recovery_codes",
        "Recovery codes, only which of them are used up.",
        "They go.",
        (RecoveryCode.user_id,),
        _plain(RecoveryCode.user_id, leave_out=("code_hash",)),
    ),
    Kind(
        "organisation_accounts",
        "Accounts at an organisation with which the person signs in.",
        "They go.",
        (OrganisationAccount.user_id,),
        _plain(OrganisationAccount.user_id),
    ),
    Kind(
        "project_members",
        "Roles in projects.",
        "They go.",
        (ProjectMember.user_id,),
        _plain(ProjectMember.user_id),
    ),
    Kind(
        "judgments",
        "Every judgment, undone ones too, with the prompt, what was on the screen, what was written and why.",
        "They go, or stay under the pseudonym.",
        (Judgment.user_id,),
        lambda session, user_id: judgments(session, authorship.written_by(user_id)),
    ),
    Kind(
        "screens",
        "Every screen that was shown, judged or not.",
        "They go, but for those of judgments that stay.",
        (Generation.user_id,),
        _screens,
    ),
    Kind(
        "prompts",
        "Texts that were typed at the desk, and those of imported files.",
        "What was typed goes with its screens, unless others have seen it. Imported texts stay.",
        (),
        _prompts,
    ),
    Kind(
        "reservations",
        "Prompts that are kept for the person, for minutes.",
        "They go.",
        (Reservation.user_id,),
        _plain(Reservation.user_id),
    ),
    Kind(
        "groups",
        "Groups that the person is in.",
        "They are no longer in them.",
        (GroupMember.user_id,),
        _plain(GroupMember.user_id),
    ),
    Kind(
        "assignees",
        "Assignments that hold for the person, alone or as one of a group.",
        "They go; those of the person alone end, and their prompts are everybody's again.",
        (Assignee.user_id,),
        _plain(Assignee.user_id),
    ),
    Kind(
        "assignments",
        "Prompts that were assigned to the person, or by them: how many, until when, and the note.",
        _STAYS,
        (Assignment.user_id, Assignment.created_by, Assignment.ended_by),
        _plain(Assignment.user_id, Assignment.created_by, Assignment.ended_by),
    ),
    Kind(
        "imports",
        "Files that were imported or taken back.",
        _STAYS,
        (FileImport.user_id, FileImport.undone_by),
        _plain(FileImport.user_id, FileImport.undone_by),
    ),
    Kind(
        "invitations",
        "Invitations that were made, and the one that was used.",
        "They stay; the note of the one that was used goes.",
        (Invitation.created_by, Invitation.used_by),
        _plain(Invitation.created_by, Invitation.used_by, leave_out=("token_hash", "form_key")),
    ),
    Kind(
        "training_runs",
        "Trainings that were requested, without their logs.",
        _STAYS,
        (TrainingRun.requested_by,),
        _plain(TrainingRun.requested_by, leave_out=("log", "wish", "job_id")),
    ),
    Kind(
        "studio_settings",
        "Settings of the studio that were last changed by the person.",
        _STAYS,
        (StudioSetting.changed_by,),
        _plain(StudioSetting.changed_by),
    ),
    Kind(
        "webhooks",
        "Webhooks that were added, without their secrets, and without addresses, which may hold one.",
        _STAYS,
        (Webhook.created_by,),
        _plain(Webhook.created_by, leave_out=("secret", "url")),
    ),
    Kind(
        "audit_log",
        "Entries of the audit log by or about the person.",
        "They stay with the number of the account, without email, name and addresses.",
        (AuditEvent.user_id,),
        _audit,
    ),
)
