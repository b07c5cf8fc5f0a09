"""Deleting prompts with everything that was made of them: screens, rewrites, judgments, pairs, metadata."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from app.db import (
    AuditEvent,
    Candidate,
    Generation,
    Judgment,
    LabelledPair,
    Preference,
    Prompt,
    Reservation,
    write_transaction,
)
from app.domain_errors import Invalid, NotFound
from app.services.prompts import queue_progress, retirement, studio_settings
from app.services.system import audit, deletions, marks
from app.words import gettext


@dataclass(frozen=True)
class Gone:
    """Numbers of what goes with prompts: screens, rewrites on them, judgments of so many people, and pairs."""

    screens: int
    rewrites: int
    judgments: int
    people: int
    pairs: int


def get(session: Session, prompt_id: int) -> Prompt:
    """Return one prompt; raises NotFound."""
    prompt = session.get(Prompt, prompt_id)
    if prompt is None:
        raise NotFound(gettext("There is no prompt %(id)s.", id=prompt_id))
    return prompt


def preview(session: Session, prompt_ids: Collection[int]) -> Gone:
    """Count what would go with prompts."""
    of_prompt = Generation.prompt_id.in_(prompt_ids)
    judged = select(Judgment).join(Generation, Generation.id == Judgment.generation_id).where(of_prompt)
    judgments, people = session.execute(
        judged.with_only_columns(func.count(Judgment.id), func.count(Judgment.user_id.distinct()))
    ).one()
    pairs = judged.join(Preference, Preference.judgment_id == Judgment.id).with_only_columns(func.count(Preference.id))
    rewrites = select(func.count(Candidate.id)).join(Generation, Generation.id == Candidate.generation_id)
    return Gone(
        session.scalar(select(func.count(Generation.id)).where(of_prompt)) or 0,
        session.scalar(rewrites.where(of_prompt)) or 0,
        judgments,
        people,
        session.scalar(pairs) or 0,
    )


def delete_prompt(session: Session, by: int | None, prompt_id: int, confirmed: object) -> Gone:
    """Delete a prompt and everything that was made of it; returns how much that was.

    `confirmed` is the id once more, as the person typed it. Others can write between its parts, and if it is
    interrupted, calling this again goes on. Raises NotFound, and Invalid if it was not confirmed.
    """
    get(session, prompt_id)
    if str(confirmed).strip() != str(prompt_id):
        raise Invalid(gettext("Type %(id)s to confirm that prompt %(id)s shall be deleted.", id=prompt_id))
    gone = preview(session, [prompt_id])
    _take_out(session, prompt_id)
    while delete_some_screens(session, Generation.prompt_id == prompt_id):
        pass
    with write_transaction(session):
        session.get(Prompt, prompt_id, with_for_update=True, populate_existing=True)
        late = session.scalars(select(Generation.id).where(Generation.prompt_id == prompt_id)).all()
        deletions.delete_screens(session, late)
        delete_rows(session, [prompt_id])
        audit.erase(session, _about(prompt_id), {"gold", "gold_wrong"})
        audit.record(session, by, "prompt.deleted", f"prompt {prompt_id}", judgments=gone.judgments, pairs=gone.pairs)
    return gone


def delete_some_screens(session: Session, meant: ColumnElement[bool]) -> list[int]:
    """Delete some of the screens that are meant, in a transaction of its own; return the ids of their prompts.

    The prompts come back into the queue if too few people have judged them now. Nothing is returned once all are gone.
    """
    with write_transaction(session):
        some = session.execute(
            select(Generation.id, Generation.prompt_id).where(meant).order_by(Generation.id).limit(deletions.AT_ONCE)
        ).all()
        if not some:
            return []
        prompt_ids = sorted({prompt_id for _, prompt_id in some})
        if deletions.delete_screens(session, [number for number, _ in some]):
            retirement.bring_back(session, studio_settings.settings(session), Prompt.id.in_(prompt_ids))
            queue_progress.mark(session)
    return prompt_ids


def delete_rows(session: Session, prompt_ids: Sequence[int]) -> None:
    """Delete the rows of prompts that have no screens any more, in the running transaction."""
    for table, column in (
        (Reservation, Reservation.prompt_id),
        (LabelledPair, LabelledPair.prompt_id),
        (Prompt, Prompt.id),
    ):
        found = delete(table).where(column.in_(prompt_ids))
        session.execute(found, execution_options={"synchronize_session": False})
    marks.change(session, marks.DELETIONS)
    queue_progress.mark(session)
    session.expire_all()


def _take_out(session: Session, prompt_id: int) -> None:
    """Let nobody be served the prompt while it is deleted."""
    with write_transaction(session):
        prompt = session.get(Prompt, prompt_id, with_for_update=True, populate_existing=True)
        if prompt is not None:
            prompt.queued, prompt.retired_at = False, None
            queue_progress.mark(session)


def _about(prompt_id: int) -> ColumnElement[bool]:
    """Return the condition of the entries of the audit log that may hold texts of a prompt."""
    return (AuditEvent.action == "prompt.changed") & (AuditEvent.subject == str(prompt_id))
