"""The reward heads that choose what is shown, fitted to the standing judgments after each click.

The rows of `reward_heads` are shared, so that all web processes choose alike. A process that samples a screen checks
whether judgments were made or undone since the latest head of the live version, and fits a new head first if so. With
many judgments one more changes little and fitting takes longer, so it is then left to a background thread.

A version that never had a head begins with one fitted to all judgments. Going back to a version goes back to its latest
head; judgments made meanwhile count from the next judgment on. A head that learned from a judgment that was deleted
since chooses no more: it is fitted again at once, and if nothing is left to learn from, there is none.

Judgments have weights (judgment_weights.py), which other judgments and admins change, and so may change which of them
count. That is more than a screen looks up, so the background thread fits again a head that was fitted to others.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import Session

from app.db import Alias, DrawnPool, Generation, Judgment, RewardHead, serving_alias, write_transaction
from app.services.prompts import studio_settings
from app.services.training.reward import judged, judgment_weights
from app.services.training.reward.judged import Marker, Measure
from models.reward.features import VERSION as FEATURES_VERSION
from models.reward.head import WINDOW, Head, choose_widths, chosen_on, fit
from models.reward.judgments import JudgedScreen

AT_ONCE = 200
"""Up to this number of judgments, a request for a screen waits for a new head."""

MEASURED_AT_ONCE = 8
"""The number of screens without features that the background thread computes at a time."""


_OF_OURS = (RewardHead.features_version == FEATURES_VERSION,)


@dataclass(frozen=True)
class Chooser:
    """The reward head that chooses, with the id of its row."""

    id: int
    head: Head


class Heads:
    """A cache of judgments and heads for one process. All methods may be called from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._judged: dict[int, JudgedScreen] = {}
        self._too_long: set[int] = set()
        self._latest: Chooser | None = None
        self._widths: tuple[tuple[tuple[int, float], ...], tuple[float, ...]] = ((), ())
        self._learned: tuple[int, Marker] | None = None
        self._taught: dict[int, bool] = {}

    def chooser(self, session: Session, version: int, measure: Measure) -> Chooser | None:
        """Return the head that chooses for a version now, or None if it has none yet."""
        if not studio_settings.settings(session).learn_at_once:
            return self._load(session, carried(session, version))
        latest = _latest(session, version)
        quick = latest is None or latest.judgments < AT_ONCE or _knows_deleted(session, latest)
        if quick and self._is_behind(session, version, latest):
            self.learn(session, version, measure, 1, at_once=True)
            latest = _latest(session, version)
        if latest is not None and _knows_deleted(session, latest):
            latest = carried(session, version)
        return self._load(session, latest)

    def follow(self, session: Session, version: int, measure: Measure) -> int:
        """Fit a head if the studio learns from every click; returns how many screens still lack features."""
        return self.learn(session, version, measure) if studio_settings.settings(session).learn_at_once else 0

    def learn(
        self,
        session: Session,
        version: int,
        measure: Measure,
        most: int = MEASURED_AT_ONCE,
        *,
        at_once: bool = False,
    ) -> int:
        """Update the head of a version, computing features of `most` screens; returns how many still lack them.

        A head is fitted if there are judgments that the latest one does not know, or if others count or weigh now. With
        `at_once` people weigh what this process last knew of them, and the background thread sees what they weigh now.
        """
        with self._lock:
            latest = _latest(session, version)
            now = judged.marker(session)
            behind = self._is_behind(session, version, latest)
            if not behind and not _fitted_to(latest, now):
                return 0
            ids = judged.standing(session)
            weights = judgment_weights.weights_of(session, ids, at_once=at_once)
            weighed = judgment_weights.digest(weights)
            if not behind and latest is not None and latest.weighed == weighed:
                return 0
            waiting = self._read(session, ids, measure, most)
            known = [(number, weights[number]) for number in ids if number in self._judged]
            if known:
                self._write(session, version, now, self._fit(known, len(ids)), weighed, waiting)
            if not waiting:
                self._learned = (version, now)
            return waiting

    def _is_behind(self, session: Session, version: int, latest: RewardHead | None) -> bool:
        """Return whether judgments were made, undone or deleted that the latest head of a version does not know."""
        now = judged.marker(session)
        if self._learned == (version, now) or not now.last_judgment_id:
            return False
        if latest is None:
            return True
        if latest.waiting or latest.deleted != now.deleted:
            return True
        if now == (latest.last_judgment_id, latest.undone, latest.deleted):
            return False
        since = select(Alias.moved_at).where(Alias.name == serving_alias(session)).scalar_subquery()
        # An imported judgment has the time at which it was made elsewhere; its screen came to be with the import.
        made = select(Judgment.id).join(Generation, Generation.id == Judgment.generation_id)
        made = made.where(
            Judgment.id > latest.last_judgment_id,
            or_(Judgment.created_at > since, Generation.created_at > since),
        )
        undone = select(Judgment.id).where(Judgment.undone_at > since)
        return bool(session.scalar(select(or_(exists(made), exists(undone)))))

    def _read(self, session: Session, ids: Sequence[int], measure: Measure, most: int) -> int:
        """Cache those judgments and drop others; returns how many screens still lack features."""
        for gone in self._judged.keys() - set(ids):
            del self._judged[gone]
        new = [number for number in ids if number not in self._judged and number not in self._too_long]
        wanting = []
        for screen in judged.screens(session, new):
            if screen.measured:
                self._judged[screen.judgment_id] = screen.judged()
            else:
                wanting.append(screen)
        wanting.sort(key=lambda screen: -screen.judgment_id)  # the latest judgments are learned first
        for screen in wanting[:most]:
            if judged.measure(session, screen, measure):
                for now in judged.screens(session, [screen.judgment_id]):  # none if it was deleted meanwhile
                    self._judged[now.judgment_id] = now.judged()
            else:
                self._too_long.add(screen.judgment_id)
        return max(0, len(wanting) - most)

    def _fit(self, known: Sequence[tuple[int, float]], standing: int) -> Head:
        """Fit a head to cached judgments, (id, weight) each, with widths of the prior chosen on the first of them.

        Once WINDOW judgments are `standing`, the first ones change with every click, and the widths stay.
        """
        screens = [replace(self._judged[number], weight=weight) for number, weight in known]
        on = tuple(known[: chosen_on(len(known))])
        settled = standing >= WINDOW and len(self._widths[0]) == len(on)
        if self._widths[0] != on and not settled:
            self._widths = (on, choose_widths(screens[: len(on)]))
        return fit(screens, self._widths[1])

    def _write(self, session: Session, version: int, now: Marker, fitted: Head, weighed: str, waiting: int) -> None:
        head = replace(fitted, taught=self._is_taught(session, version))
        with write_transaction(session):
            row = RewardHead(
                version_number=version,
                features_version=head.features_version,
                judgments=head.judgments,
                last_judgment_id=now.last_judgment_id,
                undone=now.undone,
                deleted=now.deleted,
                waiting=waiting,
                weighed=weighed,
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
            # Correlated with the pools, which are few, rather than with the judgments.
            has_judgment = exists(select(Judgment.id).where(Judgment.generation_id == DrawnPool.generation_id))
            session.execute(delete(DrawnPool).where(has_judgment))

    def _is_taught(self, session: Session, version: int) -> bool:
        """Return whether a version was trained on pairs that its carried head labelled; that never changes."""
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
            if data is None:  # a newer head was stored at this moment
                return remembered
            remembered = self._latest = Chooser(row.id, Head.from_bytes(data))
        return remembered


def carry(session: Session, version: int, data: bytes, last_judgment_id: int, lost: int = 0) -> None:
    """Store, within the running transaction, the head that a version comes with; raises ModelError if it is damaged.

    It was fitted to judgments up to `last_judgment_id`, of which `lost` were deleted since.
    """
    head, now = Head.from_bytes(data), judged.marker(session)
    session.add(
        RewardHead(
            version_number=version,
            features_version=head.features_version,
            judgments=head.judgments,
            last_judgment_id=last_judgment_id,
            undone=now.undone,
            deleted=now.deleted - lost,
            carried=True,
            weights=head.weights.astype("<f4").tobytes(),
            data=data,
        )
    )


def carried(session: Session, version: int) -> RewardHead | None:
    """Return the head that a version came with, or None."""
    return session.scalar(
        select(RewardHead)
        .where(*_OF_OURS, RewardHead.version_number == version, RewardHead.carried)
        .order_by(RewardHead.id.desc())
        .limit(1)
    )


def _fitted_to(row: RewardHead | None, now: Marker) -> bool:
    """Return whether a head was fitted here to the judgments of that marker."""
    return row is not None and not row.carried and now == (row.last_judgment_id, row.undone, row.deleted)


def _knows_deleted(session: Session, row: RewardHead) -> bool:
    """Return whether a head was fitted here before judgments were deleted."""
    return not row.carried and row.deleted != judged.deleted(session)


def _latest(session: Session, version: int) -> RewardHead | None:
    return session.scalar(
        select(RewardHead)
        .where(*_OF_OURS, RewardHead.version_number == version)
        .order_by(RewardHead.id.desc())
        .limit(1)
    )
