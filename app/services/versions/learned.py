"""The judgments that versions learned from, and how many of them were deleted since.

A run keeps the ids of the judgments that it trains on, and a deleted judgment leaves its id. What a version learned
from it stays in the version and in all that are trained from it; of how many is said without keeping a word of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from app.db import DeletedJudgment, TrainingRun, Version
from app.services.system.cache import remembered

Ids = npt.NDArray[np.int64]
_NONE: Ids = np.empty(0, np.int64)


@dataclass(frozen=True)
class Lost:
    """Numbers of judgments that were deleted since a version learned from them.

    `own` are of its own training, `inherited` those that only versions learned from that it comes from. With `at_most`
    one of them was trained by an earlier release, which did not keep what it read, and may have learned from fewer.
    """

    own: int = 0
    inherited: int = 0
    at_most: bool = False

    @property
    def number(self) -> int:
        """Return all of them."""
        return self.own + self.inherited


def pack(ids: Iterable[int]) -> bytes:
    """Return ids in as few bytes as their gaps take."""
    return zlib.compress(np.diff(np.unique(np.fromiter(ids, np.int64)), prepend=0).astype("<i8").tobytes())


def unpack(data: bytes) -> Ids:
    """Return packed ids, ascending."""
    found: Ids = np.cumsum(np.frombuffer(zlib.decompress(data), "<i8"), dtype=np.int64)
    return found


def lost_of_run(session: Session, run: TrainingRun) -> int:
    """Count the judgments of a run that were deleted since it read them."""
    return len(read_by(run, _deleted(session))) if run.judgments is not None else 0


def lost(session: Session, number: int) -> Lost:
    """Return how many of its judgments a version has lost."""
    return by_version(session).get(number, Lost())


def by_version(session: Session) -> dict[int, Lost]:
    """Return the same for each version; those that lost none may be missing."""
    deleted = session.scalar(select(func.count()).select_from(DeletedJudgment)) or 0
    newest = session.scalar(select(func.max(Version.number))) or 0
    return remembered(session, "learned", (deleted, newest), lambda: _by_version(session)) if deleted else {}


def versions_that_read(session: Session, ids: Iterable[int]) -> int:
    """Count the versions that learned by themselves from at least one of these judgments, as far as it is known."""
    asked = np.unique(np.fromiter(ids, np.int64))
    runs = select(TrainingRun.judgments).join(Version, Version.run_id == TrainingRun.id)
    packed = session.scalars(runs.where(TrainingRun.judgments.is_not(None))) if len(asked) else ()
    return sum(len(np.intersect1d(asked, unpack(data), assume_unique=True)) > 0 for data in packed if data)


def read_by(run: TrainingRun, ids: Ids) -> Ids:
    """Return which of the judgments, ascending, a run read, or may have read if it did not keep what it read."""
    if run.judgments is None:
        return ids[ids <= run.last_judgment_id]
    return np.intersect1d(ids, unpack(run.judgments), assume_unique=True)


def _by_version(session: Session) -> dict[int, Lost]:
    gone = _deleted(session)
    all_of: dict[int | None, tuple[Ids, bool]] = {None: (_NONE, False)}
    found: dict[int, Lost] = {}
    versions = session.execute(
        select(Version.number, Version.parent_number, TrainingRun)
        .outerjoin(TrainingRun, TrainingRun.id == Version.run_id)
        .options(undefer(TrainingRun.judgments))
        .order_by(Version.number)
    )
    for number, parent, run in versions:
        before, unsure = all_of.get(parent, all_of[None])
        own = read_by(run, gone) if run is not None else _NONE
        whole = np.union1d(before, own)
        unsure = unsure or (run is not None and run.judgments is None and len(own) > 0)
        all_of[number] = whole, unsure
        found[number] = Lost(len(own), len(whole) - len(own), unsure)
    return found


def _deleted(session: Session) -> Ids:
    ids: Sequence[int] = session.scalars(select(DeletedJudgment.id).order_by(DeletedJudgment.id)).all()
    return np.array(ids, np.int64)
