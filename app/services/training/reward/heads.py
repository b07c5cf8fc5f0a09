"""The reward head that chooses what is shown: learned from the judgments that stand, click by click.

The rows of `reward_heads` are the truth, so that all web processes choose alike. A process that draws a screen looks
whether judgments came or went since the latest head of the version that serves, and learns first if they did. With many
judgments one more changes little and learning takes longer, so then it is left to a thread beside the requests.

A version that never had a head begins with one of all the judgments. Going back to a version goes back to its latest
head; the judgments that were made meanwhile count from the next click on.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import Session

from app.db import SERVING, Alias, DrawnPool, Judgment, RewardHead, write_transaction
from app.services.prompts import policy
from app.services.training.reward import judged
from app.services.training.reward.judged import Marker, Measure
from models.reward.features import VERSION as FEATURES_VERSION
from models.reward.head import WINDOW, Head, choose_widths, chosen_on, fit
from models.reward.judgments import Judged

AT_ONCE = 200
"""Up to so many judgments whoever draws a screen learns first."""

MEASURED_AT_ONCE = 8
"""So many screens that carry no features yet are measured at a time, by the thread beside the requests."""


_OF_OURS = (RewardHead.features_version == FEATURES_VERSION,)


@dataclass(frozen=True)
class Chooser:
    """The head that chooses, and the row that it is."""

    id: int
    head: Head


class Heads:
    """Remembers judgments and heads for one process. All methods may be called from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._judged: dict[int, Judged] = {}
        self._too_long: set[int] = set()
        self._latest: Chooser | None = None
        self._widths: tuple[tuple[int, ...], tuple[float, ...]] = ((), ())
        self._learned: tuple[int, Marker] | None = None
        self._taught: dict[int, bool] = {}

    def chooser(self, session: Session, version: int, measure: Measure) -> Chooser | None:
        """The head that chooses for a version now, None as long as there is nothing to choose by."""
        if not policy.settings(session).learn_at_once:
            return self._load(session, carried(session, version))
        latest = _latest(session, version)
        if self._is_behind(session, version, latest) and (latest is None or latest.judgments < AT_ONCE):
            self.learn(session, version, measure, 1)
            latest = _latest(session, version)
        return self._load(session, latest)

    def follow(self, session: Session, version: int, measure: Measure) -> int:
        """Learn if every click is to be learned from; returns how many screens wait to be measured."""
        return self.learn(session, version, measure) if policy.settings(session).learn_at_once else 0

    def learn(self, session: Session, version: int, measure: Measure, most: int = MEASURED_AT_ONCE) -> int:
        """Bring the head of a version up to date, measuring `most` screens; returns how many wait to be measured."""
        with self._lock:
            latest = _latest(session, version)
            if not self._is_behind(session, version, latest):
                return 0
            now = judged.marker(session)
            ids = judged.standing(session)
            waiting = self._read(session, ids, measure, most)
            known = [self._judged[number] for number in ids if number in self._judged]
            if known:
                self._write(session, version, now, known, self._widths_of(ids), waiting)
            if not waiting:
                self._learned = (version, now)
            return waiting

    def _is_behind(self, session: Session, version: int, latest: RewardHead | None) -> bool:
        """Tell whether judgments came or went that the latest head of a version does not know."""
        now = judged.marker(session)
        if self._learned == (version, now) or not now.last_judgment_id:
            return False
        if latest is None:
            return True
        if latest.waiting:
            return True
        if now == (latest.last_judgment_id, latest.undone):
            return False
        since = select(Alias.moved_at).where(Alias.name == SERVING).scalar_subquery()
        news = or_(
            (Judgment.id > latest.last_judgment_id) & (Judgment.created_at > since),
            Judgment.undone_at > since,
        )
        return bool(session.scalar(select(exists(select(Judgment.id).where(news)))))

    def _read(self, session: Session, ids: Sequence[int], measure: Measure, most: int) -> int:
        """Remember those judgments, and forget others; returns how many wait to be measured."""
        for gone in self._judged.keys() - set(ids):
            del self._judged[gone]
        new = [number for number in ids if number not in self._judged and number not in self._too_long]
        wanting = []
        for screen in judged.screens(session, new):
            if screen.measured:
                self._judged[screen.judgment_id] = screen.judged()
            else:
                wanting.append(screen)
        wanting.sort(key=lambda screen: -screen.judgment_id)  # what was said last is learned first
        for screen in wanting[:most]:
            if judged.measure(session, screen, measure):
                [now] = judged.screens(session, [screen.judgment_id])
                self._judged[now.judgment_id] = now.judged()
            else:
                self._too_long.add(screen.judgment_id)
        return max(0, len(wanting) - most)

    def _widths_of(self, ids: Sequence[int]) -> tuple[float, ...]:
        """Return the widths of the prior, which are chosen on the first of the judgments.

        Once as many count as ever do, the first ones change with every click, and the widths stay.
        """
        known = [number for number in ids if number in self._judged]
        on = tuple(known[: chosen_on(len(known))])
        settled = len(ids) >= WINDOW and len(self._widths[0]) == len(on)
        if self._widths[0] != on and not settled:
            self._widths = (on, choose_widths([self._judged[number] for number in on]))
        return self._widths[1]

    def _write(
        self,
        session: Session,
        version: int,
        now: Marker,
        known: Sequence[Judged],
        widths: tuple[float, ...],
        waiting: int,
    ) -> None:
        head = replace(fit(known, widths), taught=self._is_taught(session, version))
        with write_transaction(session):
            row = RewardHead(
                version_number=version,
                features_version=head.features_version,
                judgments=head.judgments,
                last_judgment_id=now.last_judgment_id,
                undone=now.undone,
                waiting=waiting,
                weights=head.weights.astype("<f4").tobytes(),
                data=head.to_bytes(),
            )
            session.add(row)
            session.flush()
            session.execute(
                update(RewardHead)
                .where(RewardHead.version_number == version, RewardHead.id < row.id, ~RewardHead.carried)
                .where(RewardHead.data.is_not(None))
                .values(data=None)
            )
            # Asked of each pool, of which there are few, and not of each judgment.
            answered = exists(select(Judgment.id).where(Judgment.generation_id == DrawnPool.generation_id))
            session.execute(delete(DrawnPool).where(answered))

    def _is_taught(self, session: Session, version: int) -> bool:
        """Tell whether a version was trained on what the head says that it came with, which never changes."""
        if version not in self._taught:
            row = carried(session, version)
            self._taught[version] = row is not None and row.data is not None and Head.from_bytes(row.data).taught
        return self._taught[version]

    def _load(self, session: Session, row: RewardHead | None) -> Chooser | None:
        if row is None:
            return None
        remembered = self._latest
        if remembered is None or remembered.id != row.id:
            data = session.scalar(select(RewardHead.data).where(RewardHead.id == row.id))
            if data is None:  # a newer one came at this moment
                return remembered
            remembered = self._latest = Chooser(row.id, Head.from_bytes(data))
        return remembered


def carry(session: Session, version: int, data: bytes, last_judgment_id: int) -> None:
    """Store, within the running transaction, the head that a version comes with; raises ModelError if it is none.

    It was fitted to judgments up to that one.
    """
    head = Head.from_bytes(data)
    session.add(
        RewardHead(
            version_number=version,
            features_version=head.features_version,
            judgments=head.judgments,
            last_judgment_id=last_judgment_id,
            undone=judged.marker(session).undone,
            carried=True,
            weights=head.weights.astype("<f4").tobytes(),
            data=data,
        )
    )


def carried(session: Session, version: int) -> RewardHead | None:
    """The head that a version came with."""
    return session.scalar(
        select(RewardHead)
        .where(*_OF_OURS, RewardHead.version_number == version, RewardHead.carried)
        .order_by(RewardHead.id.desc())
        .limit(1)
    )


def _latest(session: Session, version: int) -> RewardHead | None:
    return session.scalar(
        select(RewardHead)
        .where(*_OF_OURS, RewardHead.version_number == version)
        .order_by(RewardHead.id.desc())
        .limit(1)
    )
