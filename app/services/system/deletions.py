"""Deleting screens with all that hangs on them, so that nothing of it stays in the database.

Of each judgment its id is kept, by which a version can say how many it was trained on are gone. Rows that are deleted
are overwritten: SQLite does so as it deletes (`secure_delete`, app/db/engine.py), and its log is emptied by `finish`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.orm import Session

from app.db import (
    Candidate,
    DeletedJudgment,
    DrawnPool,
    Generation,
    Judgment,
    Preference,
    Review,
    ReviewState,
    RewardHead,
    TrainingRun,
    empty_log,
    now,
    project_of,
)
from app.services.system import marks
from app.words import N_, gettext
from models.store.samples_cache import forget_samples

AT_ONCE = 200
"""The screens that one transaction deletes, so that others are not kept from writing for long."""

STILL_THERE = N_(
    "Somebody reads an older state of the database: until Mellow writes more or is stopped, mellow.db-wal may still "
    "hold what was deleted."
)
_QUOTING = "Left out of the training: "
_QUOTED = re.compile(rf"{_QUOTING}\d+ of judgment (\d+) \(")
"""How the log of a run quotes a judgment (worker/training/clicks/sieve.py)."""


def delete_screens(session: Session, screen_ids: Collection[int]) -> int:
    """Delete screens with their candidates and judgments, in the running transaction; return how many judgments."""
    judgments = session.scalars(select(Judgment.id).where(Judgment.generation_id.in_(screen_ids))).all()
    delete_judgments(session, judgments)
    session.execute(delete(DrawnPool).where(DrawnPool.generation_id.in_(screen_ids)), execution_options=_UNSEEN)
    session.execute(delete(Candidate).where(Candidate.generation_id.in_(screen_ids)), execution_options=_UNSEEN)
    replaced = update(Generation).where(Generation.superseded_by.in_(screen_ids)).values(superseded_by=None)
    session.execute(replaced, execution_options=_UNSEEN)
    session.execute(delete(Generation).where(Generation.id.in_(screen_ids)), execution_options=_UNSEEN)
    marks.change(session, marks.DELETIONS)
    session.expire_all()
    return len(judgments)


def delete_judgments(session: Session, judgment_ids: Sequence[int]) -> None:
    """Delete judgments with their pairs, and what was learned from them, in the running transaction.

    What was decided by one of them counts again, and reviews of their prompts are counted anew.
    """
    if not judgment_ids:
        return
    judged = select(Generation.prompt_id).join(Judgment, Judgment.generation_id == Generation.id)
    prompts = session.scalars(judged.where(Judgment.id.in_(judgment_ids)).distinct()).all()
    session.execute(
        update(Review).where(Review.prompt_id.in_(prompts)).values(state=ReviewState.STALE), execution_options=_UNSEEN
    )
    of_each = {"project_id": project_of(session), "deleted_at": now()}
    session.execute(insert(DeletedJudgment), [{"id": number, **of_each} for number in judgment_ids])
    session.execute(delete(Preference).where(Preference.judgment_id.in_(judgment_ids)), execution_options=_UNSEEN)
    session.execute(delete(Judgment).where(Judgment.id.in_(judgment_ids)), execution_options=_UNSEEN)
    _forget_learned(session, judgment_ids)
    marks.change(session, marks.DELETIONS)


def finish(engine: Engine, home: Path, texts: Iterable[str]) -> str:
    """Remove what lies beside the tables: the database's log, and samples of the texts of prompts that were deleted.

    Returns a sentence if something is left. PostgreSQL removes what was deleted by itself, in time.
    """
    forget_samples(home, texts)
    return "" if empty_log(engine) else gettext(STILL_THERE)


def _forget_learned(session: Session, judgments: Sequence[int]) -> None:
    """Drop the reward heads that learned from these judgments, but for those of versions, and quotes in logs of runs.

    The heads are fitted again to what is left, at the next screen.
    """
    learned = (~RewardHead.carried, RewardHead.last_judgment_id >= min(judgments), RewardHead.data.is_not(None))
    session.execute(update(RewardHead).where(*learned).values(data=None), execution_options=_UNSEEN)
    gone = set(map(str, judgments))
    for run in session.scalars(select(TrainingRun).where(TrainingRun.log.contains(_QUOTING))):
        lines = run.log.splitlines()
        run.log = "\n".join(line for line in lines if not (found := _QUOTED.search(line)) or found[1] not in gone)


_UNSEEN = {"synchronize_session": False}
