"""Storing judgments: one transaction writes a judgment and the preference rows that it yields.

This is the most frequent write of the studio, so it is kept short: a screen does not change, hence it is read before
the transaction, and rows are inserted without the ORM. Judgments that arrive at the same moment share a commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import (
    ANSWERING,
    Candidate,
    Generation,
    Judgment,
    Prebuilt,
    PrebuiltInsert,
    Preference,
    Prompt,
    Verdict,
    new_key,
    now,
    project_of,
    task_of,
    write_transaction,
    write_with_others,
)
from app.domain_errors import Conflict, DomainError, Invalid, NotFound
from app.services.desk.judgment_request import LONGEST_REASON, JudgmentRequest
from app.services.desk.said import Said, Screen
from app.services.prompts import retirement, studio_settings
from app.services.system import webhooks
from app.words import gettext

__all__ = ["LONGEST_REASON", "JudgmentRequest", "decide", "judge", "judge_again", "undo"]

_judgments: Table = Judgment.__table__  # type: ignore[assignment]
_preferences: Table = Preference.__table__  # type: ignore[assignment]


class _Standing(NamedTuple):
    """A stored judgment that was not undone."""

    id: int
    verdict: str
    candidate_id: int | None
    tied: list[int] | None
    edited_text: str | None
    reason: str | None
    flagged: bool
    ranking: list[int] | None
    remarks: list[dict[str, Any]] | None
    comment: str | None
    decision: bool


def judge(session: Session, user_id: int, sent: JudgmentRequest) -> int:
    """Store a judgment and its preference rows, and return its id; a repeated one returns the id of the first.

    Raises NotFound for a screen that is not this person's, Invalid for a candidate that is not on it, and Conflict if
    the screen has another verdict already or the client_key belongs to another judgment.
    """
    screen = _own_screen(session, _SCREEN.read(session, {"screen": sent.generation_id}), user_id, sent.generation_id)
    said = _said(session, screen, sent)
    if session.in_transaction():
        session.commit()  # releases the connection while this request waits for others

    def write(connection: Connection) -> int | DomainError:
        # Nearly every judgment is new, so earlier ones are looked up only if the insert fails.
        number = _add(connection, user_id, screen.project, sent, said)
        return number if number is not None else _existing_or_error(connection, user_id, sent, said)

    try:
        stored = write_with_others(session, write)
    except IntegrityError:
        _own_screen(session, _SCREEN.read(session, {"screen": sent.generation_id}), user_id, sent.generation_id)
        raise  # it was not deleted meanwhile, which would be the reason
    if isinstance(stored, DomainError):
        raise stored
    return stored


def judge_again(session: Session, user_id: int, sent: JudgmentRequest, again: Judgment | None = None) -> int:
    """Store a judgment in place of the person's standing one on the same screen, if any, in one transaction.

    The older judgment is kept as an undone one. If both say the same, nothing changes. `again` is the undone judgment
    that is made once more, if it is one: what was imported stays imported. Raises as `judge` does, and Conflict for a
    decision.
    """
    if again is not None and again.decision:
        raise _is_decision()
    with write_transaction(session):
        connection = session.connection()
        rows = _SCREEN.rows(connection, {"screen": sent.generation_id})
        screen = _own_screen(session, rows, user_id, sent.generation_id)
        said = _said(session, screen, sent)
        standing = _standing(connection, user_id, sent.generation_id)
        if standing is not None:
            if standing.decision:
                raise _is_decision()
            if _same_verdict(standing, said, sent):
                return int(standing.id)
            undone = update(_judgments).where(_judgments.c.id == standing.id).values(undone_at=now())
            connection.execute(undone)
            session.expire_all()
        number = _add(connection, user_id, screen.project, sent, said)
        if number is None:
            raise _judged_meanwhile()
        if again is not None and again.imported:
            origin = {"imported": True, "annotator": again.annotator, "import_id": again.import_id}
            connection.execute(update(_judgments).where(_judgments.c.id == number).values(origin))
        _bring_back(session, screen.id)
        return number


def decide(session: Session, user_id: int, sent: JudgmentRequest, reason: str | None) -> int:
    """Store a reviewer's decision of their own copy of a screen, in the running transaction, and return its id.

    Raises as `judge` does.
    """
    connection = session.connection()
    rows = _SCREEN.rows(connection, {"screen": sent.generation_id})
    screen = _own_screen(session, rows, user_id, sent.generation_id)
    number = _add(connection, user_id, screen.project, sent, _said(session, screen, sent))
    if number is None:
        raise _judged_meanwhile()
    connection.execute(update(_judgments).where(_judgments.c.id == number).values(decision=True, reason=reason))
    return number


def undo(session: Session, user_id: int, judgment_id: int) -> None:
    """Mark a person's own judgment as undone: its rows no longer count, and the screen can be judged again.

    Raises NotFound, and Conflict for a decision.
    """
    with write_transaction(session):
        judgment = session.get(Judgment, judgment_id)
        if judgment is None or judgment.user_id != user_id:
            raise NotFound(gettext("There is no judgment %(id)s of yours.", id=judgment_id))
        if judgment.decision:
            raise _is_decision()
        if judgment.undone_at is None:
            judgment.undone_at = now()
            session.flush()
            _bring_back(session, judgment.generation_id)


def _bring_back(session: Session, generation_id: int) -> None:
    """Put the prompt of a screen back into the queue if it left it as done and is not done any more."""
    prompt_id = select(Generation.prompt_id).where(Generation.id == generation_id).scalar_subquery()
    retirement.bring_back(session, studio_settings.settings(session), Prompt.id == prompt_id)


_SCREEN = Prebuilt(
    select(Generation.user_id, Generation.project_id, Generation.gold, Prompt.text, Candidate.id, Candidate.text)
    .select_from(Generation.__table__)
    .join(Prompt.__table__, Prompt.id == Generation.prompt_id)
    .outerjoin(Candidate.__table__, Candidate.generation_id == Generation.id)
    .where(Generation.id == bindparam("screen"))
    .order_by(Candidate.position)
)
_SENT = Prebuilt(
    select(_judgments.c.id, _judgments.c.user_id, _judgments.c.generation_id).where(
        _judgments.c.client_key == bindparam("key")
    )
)
_STANDING = Prebuilt(
    select(*(_judgments.c[name] for name in _Standing._fields)).where(
        _judgments.c.generation_id == bindparam("screen"),
        _judgments.c.user_id == bindparam("person"),
        _judgments.c.undone_at.is_(None),
    )
)
_NOT_SENT = frozenset({"id", "undone_at", "edited_features", "annotator", "import_id", "decided_by"})
_ADD = PrebuiltInsert(
    _judgments,
    (c.name for c in _judgments.c if c.name not in _NOT_SENT),
    _preferences.c.judgment_id,
    (c.name for c in _preferences.c if c.name not in ("id", "judgment_id")),
)


def _own_screen(session: Session, rows: Sequence[Sequence[Any]], user_id: int, generation_id: int) -> Screen:
    """Return the screen made of the rows found for it; raises NotFound if it is not this person's in this project."""
    if not rows or tuple(rows[0][:2]) != (user_id, project_of(session)):
        raise NotFound(gettext("There is no generation %(id)s of yours.", id=generation_id))
    _, project, gold, prompt, *_ = rows[0]
    candidates = tuple((number, text) for *_, number, text in rows if number is not None)
    return Screen(generation_id, project, gold, prompt, candidates)


def _said(session: Session, screen: Screen, sent: JudgmentRequest) -> Said:
    """Return what a judgment says of its screen; raises Invalid, also for what cannot be said of answers."""
    if sent.verdict == Verdict.FINE and task_of(session) == ANSWERING:
        raise Invalid(gettext("Only a text that is rewritten can be fine as it is: choose an answer, or write one."))
    return Said.of(screen, sent)


def _add(connection: Connection, user_id: int, project: int, sent: JudgmentRequest, said: Said) -> int | None:
    """Write the judgment, its preference rows and its webhook event in the running transaction; returns its id.

    Writes nothing and returns None if another judgment has the same client_key or stands on the same screen.
    """
    values = {
        "generation_id": sent.generation_id,
        "user_id": user_id,
        "project_id": project,
        "verdict": str(sent.verdict),
        "candidate_id": sent.candidate_id,
        "tied": said.tied or None,
        "ranking": said.ranking or None,
        "remarks": said.remarks or None,
        "comment": sent.comment,
        "edited_text": sent.edited_text,
        "reason": sent.reason,
        "flagged": sent.flagged,
        "client_key": sent.client_key or new_key(),
        "seconds": sent.seconds,
        "imported": False,
        "decision": False,
        "created_at": now(),
    }
    rows = [
        {"prompt": said.prompt, "chosen": chosen, "rejected": rejected, "weight": weight}
        for chosen, rejected, weight in said.pairs
    ]
    number = _ADD.add(connection, values, rows)
    if number is None:
        return None
    announcement = {
        "id": number,
        "generation_id": sent.generation_id,
        "user_id": user_id,
        "verdict": str(sent.verdict),
        "preferences": len(said.pairs),
    }
    webhooks.record(connection, webhooks.JUDGMENT_CREATED, announcement, project)
    return number


def _existing_or_error(connection: Connection, user_id: int, sent: JudgmentRequest, said: Said) -> int | DomainError:
    """Return the id of the judgment that prevented the insert, if it says the same, else the error to raise.

    It is found by its client_key or as the standing judgment of the screen. The error is returned, not raised, because
    raising it would roll back what other requests write in the same transaction.
    """
    if sent.client_key is not None:
        earlier = _SENT.rows(connection, {"key": sent.client_key})
        if earlier:
            number, *whose = earlier[0]
            if whose != [user_id, sent.generation_id]:
                return Conflict(gettext("That client_key belongs to another judgment."))
            return int(number)
    standing = _standing(connection, user_id, sent.generation_id)
    if standing is None:
        return _judged_meanwhile()
    if _same_verdict(standing, said, sent):
        return standing.id
    sentence = gettext("This screen has another verdict already: undo that one first.")
    return Conflict(sentence, judgment_id=standing.id)


def _is_decision() -> Conflict:
    return Conflict(gettext("This is a decision of a review: it is taken back or changed there."))


def _judged_meanwhile() -> Conflict:
    return Conflict(gettext("This screen was judged elsewhere at the same moment: look at it and try again."))


def _standing(connection: Connection, user_id: int, generation_id: int) -> _Standing | None:
    """Return the person's standing judgment of that screen, or None; there is at most one."""
    rows = _STANDING.rows(connection, {"screen": generation_id, "person": user_id})
    return _Standing(*rows[0]) if rows else None


def _same_verdict(standing: _Standing, said: Said, sent: JudgmentRequest) -> bool:
    """Return whether the standing judgment says the same as the new one."""
    lists = (said.tied or None, said.ranking or None, said.remarks or None)
    if lists != (standing.tied or None, standing.ranking, standing.remarks):
        return False
    return all(
        getattr(standing, name) == getattr(sent, name)
        for name in ("verdict", "candidate_id", "edited_text", "reason", "flagged", "comment")
    )
