"""What an admin does first in a new studio, and how much of it is done: a list that ticks itself and then goes away."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.db import Candidate, Generation, Invitation, Judgment, Prompt, RunStatus, TrainingRun, Version
from app.services.system import counts
from app.services.system.authorship import TYPED

ENOUGH_JUDGMENTS = 20


@dataclass(frozen=True)
class FirstSteps:
    """Which of the first steps are done, in their order.

    `judged` is the number of judgments so far, and `made` the version that the last training made, None before one.
    """

    imported: bool
    invited: bool
    judged: int
    made: int | None
    compared: bool

    @property
    def enough_judged(self) -> bool:
        """Return whether a training has enough to learn from."""
        return self.judged >= ENOUGH_JUDGMENTS

    @property
    def retrained(self) -> bool:
        """Return whether a training has made a version."""
        return self.made is not None

    @property
    def only_invitation_left(self) -> bool:
        """Return whether all is done but that nobody was invited, which one person alone may never do."""
        return not self.invited and self._done_alone

    @property
    def all_done(self) -> bool:
        """Return whether nothing of the list is left."""
        return self.invited and self._done_alone

    @property
    def _done_alone(self) -> bool:
        return self.imported and self.enough_judged and self.retrained and self.compared


def look(session: Session) -> FirstSteps:
    """Return how far the studio is."""
    made = (
        select(TrainingRun.produced_version)
        .where(TrainingRun.status == RunStatus.SUCCEEDED)
        .order_by(TrainingRun.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    first = select(func.min(Version.number)).scalar_subquery()
    by_later_version = (
        select(Judgment.id)
        .join(Generation, Generation.id == Judgment.generation_id)
        .join(Candidate, Candidate.generation_id == Generation.id)
        .where(Judgment.undone_at.is_(None), Candidate.version_number > first)
    )
    brought = exists().where(Prompt.source != TYPED)
    imported, version = session.execute(select(brought, made)).one()
    return FirstSteps(
        imported=imported,
        invited=counts.people(session) > 1 or bool(session.scalar(select(exists().where(Invitation.id > 0)))),
        judged=counts.said(counts.judgments(session)).judgments,
        made=version,
        compared=bool(version and session.scalar(select(by_later_version.exists()))),
    )
