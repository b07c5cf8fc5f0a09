"""The record of imports, and taking a whole one back.

Undoing deletes no row: the prompts leave the queue, and the judgments are withdrawn, as a person withdraws their own.
What the file said beside the texts that it brought is forgotten, so that a corrected file can say something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from app.db import FileImport, Generation, Judgment, Prompt, User, now, write_transaction
from app.domain_errors import Conflict, NotFound
from app.services.prompts import queue_progress, retirement, studio_settings
from app.services.prompts.prompts import ImportReport
from app.services.system import audit
from app.words import gettext

PAGE = 20
_LONGEST_NAME = 300


@dataclass(frozen=True)
class Recorded:
    """An import, and what the person is called who did it; empty if it was done at the machine."""

    record: FileImport
    person: str


@dataclass(frozen=True)
class Page:
    """Imports, the newest first; there are more before the id `before`, unless that is None."""

    imports: list[Recorded]
    before: int | None


@dataclass(frozen=True)
class Undone:
    """Result of undoing an import, now or before.

    `prompts` left the queue and `judgments` were withdrawn. Of its prompts, `judged` have judgments that people made
    here: these stay.
    """

    prompts: int
    judgments: int
    judged: int


def begin(session: Session, user_id: int | None, file_name: str, source: str) -> int:
    """Record an import that begins, and return its id."""
    with write_transaction(session):
        record = FileImport(user_id=user_id, file_name=file_name[-_LONGEST_NAME:], source=source)
        session.add(record)
        session.flush()
        return record.id


def count(session: Session, import_id: int, report: ImportReport) -> None:
    """Keep what became of the rows so far, in the running transaction.

    Raises Conflict if the import was undone, or the account of the person who imports was deleted.
    """
    deleted = exists(select(User.id).where(User.id == FileImport.user_id, User.deleted_at.is_not(None)))
    known = session.execute(
        update(FileImport)
        .where(FileImport.id == import_id, FileImport.undone_at.is_(None), ~deleted)
        .values(
            added=report.added,
            duplicates=report.duplicates,
            rejected=report.rejected_count,
            judgments=report.judgments,
        )
        .returning(FileImport.id)
    )
    if known.first() is None:
        raise Conflict(gettext("The import was undone while it ran: what was left of the file is not stored."))


def page(session: Session, before: int | None = None, size: int = PAGE) -> Page:
    """Return the newest imports, of those with an id below `before` if it is given."""
    wanted = () if before is None else (FileImport.id < before,)
    found = session.execute(
        select(FileImport, User)
        .outerjoin(User, User.id == FileImport.user_id)
        .where(*wanted)
        .order_by(FileImport.id.desc())
        .limit(size + 1)
    ).all()
    shown = [Recorded(record, (user.name or user.email) if user else "") for record, user in found[:size]]
    return Page(shown, shown[-1].record.id if len(found) > size else None)


def as_json(one: Recorded) -> dict[str, Any]:
    """Return an import as the API shows it."""
    record = one.record
    return {
        "id": record.id,
        "file_name": record.file_name,
        "source": record.source,
        "person": {"id": record.user_id, "name": one.person} if record.user_id is not None else None,
        "added": record.added,
        "duplicates": record.duplicates,
        "rejected": record.rejected,
        "judgments": record.judgments,
        "created_at": record.created_at.isoformat(),
        "undone_at": record.undone_at.isoformat() if record.undone_at else None,
    }


def undo(session: Session, by: int, import_id: int) -> Undone:
    """Take an import back; of one that was taken back before nothing more happens. Raises NotFound."""
    with write_transaction(session):
        record = session.get(FileImport, import_id, with_for_update=True, populate_existing=True)
        if record is None:
            raise NotFound(gettext("There is no import %(id)s.", id=import_id))
        if record.undone_at is not None:
            return Undone(0, 0, _judged(session, import_id))
        record.undone_at, record.undone_by = now(), by
        judgments = _withdraw(session, record)
        prompts = _take_out(session, import_id)
        _forget(session, record)
        # Prompts of other imports may have left the queue because of these judgments.
        of_judgments = select(Generation.prompt_id).join(Judgment, Judgment.generation_id == Generation.id)
        affected = Prompt.id.in_(of_judgments.where(Judgment.import_id == import_id))
        retirement.bring_back(session, studio_settings.settings(session), affected)
        queue_progress.mark(session)
        undone = Undone(prompts, judgments, _judged(session, import_id))
        audit.record(
            session, by, "import.undone", record.source, number=import_id, prompts=prompts, judgments=judgments
        )
    session.expire_all()
    return undone


def _withdraw(session: Session, record: FileImport) -> int:
    """Mark the judgments of an import as undone, in the running transaction; return how many stood.

    They no longer hold their keys, so that the same file can bring the same judgments once more.
    """
    standing = session.execute(
        update(Judgment)
        .where(Judgment.import_id == record.id, Judgment.undone_at.is_(None))
        .values(undone_at=record.undone_at)
        .returning(Judgment.id)
        .execution_options(synchronize_session=False)
    )
    number = sum(1 for _ in standing)
    session.execute(
        update(Judgment)
        .where(Judgment.import_id == record.id)
        .values(client_key=literal("undone-") + cast(Judgment.id, String))
        .execution_options(synchronize_session=False)
    )
    return number


def _take_out(session: Session, import_id: int) -> int:
    """Take the prompts of an import out of the queue for good, in the running transaction; return how many were in."""
    of_import = Prompt.import_id == import_id
    waiting = session.scalar(select(func.count()).select_from(Prompt).where(of_import, Prompt.queued)) or 0
    session.execute(
        update(Prompt)
        .where(of_import)
        .values(queued=False, retired_at=None)
        .execution_options(synchronize_session=False)
    )
    return waiting


def _forget(session: Session, record: FileImport) -> None:
    """Clear the attention checks and metadata of the prompts that an import created, in the running transaction.

    Those that people have judged here keep them, also where they took it back since: a check says who passed it. So do
    prompts that were here before or that something else has queued since, of which others may have said this. One that
    an import created which was undone was not here before: nothing of it was left.
    """
    judged_by_it = (
        select(Generation.prompt_id)
        .join(Judgment, Judgment.generation_id == Generation.id)
        .where(Judgment.import_id == record.id)
    )
    brought = or_(
        Prompt.import_id == record.id,
        and_(Prompt.import_id.is_(None), Prompt.queued.is_(False), Prompt.id.in_(judged_by_it)),
    )
    undone_before = exists(
        select(FileImport.id).where(
            FileImport.id < record.id,
            FileImport.source == Prompt.source,
            Prompt.created_at.between(FileImport.created_at, FileImport.undone_at),
        )
    )
    session.execute(
        update(Prompt)
        .where(brought, or_(Prompt.created_at >= record.created_at, undone_before))
        .where(~_has_judgment(or_(Judgment.undone_at.is_(None), Judgment.imported.is_(False))))
        .values(gold_answer=None, gold_wrong=None, metadata_=None)
        .execution_options(synchronize_session=False)
    )


def _judged(session: Session, import_id: int) -> int:
    of_import = Prompt.import_id == import_id
    standing = _has_judgment(Judgment.undone_at.is_(None))
    return session.scalar(select(func.count()).select_from(Prompt).where(of_import, standing)) or 0


def _has_judgment(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a prompt has a judgment of that kind."""
    return exists(
        select(Judgment.id)
        .join(Generation, Generation.id == Judgment.generation_id)
        .where(Generation.prompt_id == Prompt.id, condition)
    )
