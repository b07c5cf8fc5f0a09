"""How each person judges: how much, how fast, how attentively, and whether the place on the screen decides.

Habits are those of a person's latest judgments that stand, so that a page takes the same time however many there are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple, Self

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session, selectinload

from app.db import Candidate, Generation, Judgment, Prompt, User, Verdict, now
from app.services.system import counts as stored_counts
from app.services.system.cache import remembered
from models.shares import Share

WINDOW = 1_000
PEOPLE_AT_ONCE = 50
JUDGMENTS_AT_ONCE = 25
PLACES = 3
# Below this many choices even a strong habit cannot be told from chance; above, one in a hundred is called a habit.
FEWEST_CHOICES = 30
RARE = 0.01
# Who does nothing for longer than this is at something else.
_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True)
class Positions:
    """How often each place on screens of three was chosen. Places are shuffled, so without a habit all are alike."""

    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """All choices."""
        return sum(self.counts)

    @property
    def chance(self) -> float:
        """How often chance alone makes the counts at least this uneven."""
        return unevenness(self.counts)

    @property
    def habit(self) -> int | None:
        """The place, from 1, that is chosen too often to be chance; None if there is none, or too few choices."""
        if self.total < FEWEST_CHOICES or self.chance >= RARE:
            return None
        return self.counts.index(max(self.counts)) + 1

    @property
    def sentence(self) -> str:
        """What the counts say, in plain words."""
        if self.total < FEWEST_CHOICES:
            return f"Too few choices to tell: it takes {FEWEST_CHOICES}, and there are {self.total}."
        uneven = f"chance alone makes counts this uneven {_how_often(self.chance)}"
        if self.habit is None:
            return f"No sign of a habit: {uneven}."
        least = self.counts.index(min(self.counts)) + 1
        return (
            f"The place seems to matter: place {self.habit} was chosen most and place {least} least, and {uneven}. "
            "The order is shuffled for every screen, so the texts do not explain it."
        )


@dataclass(frozen=True)
class Habits:
    """What a person's latest judgments say. `per_hour` counts working time only: breaks are left out."""

    judged: int
    verdicts: dict[Verdict, Share]
    median_seconds: float | None
    per_hour: float | None
    gold: Share
    positions: Positions
    flagged: int


class Member(NamedTuple):
    """A person with the number of all their standing judgments, and their habits."""

    user: User
    judgments: int
    habits: Habits


class Totals(NamedTuple):
    """How many people may sign in, how many of them judged in the last seven days, and how often they did."""

    active: int
    busy: int
    judgments: int


class _Judged(NamedTuple):
    verdict: str
    seconds: float | None
    created_at: datetime
    flagged: bool
    gold: bool
    right: bool | None
    position: int | None
    shown: int


def members(session: Session, after: int = 0) -> list[Member]:
    """The people whose ids come after `after`, in that order, at most PEOPLE_AT_ONCE."""
    users = session.scalars(select(User).where(User.id > after).order_by(User.id).limit(PEOPLE_AT_ONCE)).all()
    seen = _Seen.now(session)
    return [Member(user, seen.standing(user.id), habits(session, user.id, seen=seen)) for user in users]


def totals(session: Session) -> Totals:
    """The figures of the whole studio."""
    active = session.scalar(select(func.count(User.id)).where(User.active)) or 0
    # One look into the index of (person, moment) for each person, however many judgments there are.
    week = (
        select(func.count())
        .where(
            Judgment.user_id == User.id,
            Judgment.created_at > now() - timedelta(days=7),
            Judgment.undone_at.is_(None),
        )
        .correlate(User)
        .scalar_subquery()
    )
    counts = list(session.scalars(select(week).select_from(User)))
    return Totals(active, sum(count > 0 for count in counts), sum(counts))


@dataclass(frozen=True)
class _Seen:
    """What habits are made of, at a glance: everybody's (judgments, undone ones), and a hash of all right answers."""

    gestures: Mapping[int, tuple[int, int]]
    answers: int

    @classmethod
    def now(cls, session: Session) -> Self:
        """As it is now."""
        answers = select(Prompt.id, Prompt.gold_answer).where(Prompt.gold_answer.is_not(None)).order_by(Prompt.id)
        return cls(stored_counts.gestures(session), hash(tuple(map(tuple, session.execute(answers)))))

    def standing(self, user_id: int) -> int:
        """How many judgments of a person stand."""
        made, undone = self.gestures.get(user_id, (0, 0))
        return made - undone


def habits(session: Session, user_id: int, window: int = WINDOW, seen: _Seen | None = None) -> Habits:
    """The habits of a person's latest `window` standing judgments.

    Right on an attention check is who chose, or edited, the text with the right answer; skipped ones do not count.
    """
    # They are what they were unless the person has judged or undone something, or a right answer was changed.
    seen = seen or _Seen.now(session)
    stamp = (seen.gestures.get(user_id), seen.answers)
    return remembered(session, ("habits", user_id, window), stamp, lambda: _habits(session, user_id, window))


def _habits(session: Session, user_id: int, window: int) -> Habits:
    rows = [_Judged(*row) for row in session.execute(_judged(user_id, window))]
    verdicts = Counter(row.verdict for row in rows)
    checks = [bool(row.right) for row in rows if row.gold and row.verdict != Verdict.SKIPPED]
    places = Counter(
        row.position
        for row in rows
        if row.verdict == Verdict.CHOSEN and row.shown == PLACES and row.position is not None
    )
    seconds = [row.seconds for row in rows if row.seconds is not None]
    return Habits(
        judged=len(rows),
        verdicts={verdict: Share(verdicts[verdict], len(rows)) for verdict in Verdict},
        median_seconds=median(seconds) if seconds else None,
        per_hour=_per_hour([row.created_at for row in rows]),
        gold=Share(sum(checks), len(checks)),
        positions=Positions(tuple(places[place] for place in range(PLACES))),
        flagged=sum(row.flagged for row in rows),
    )


def judgments(
    session: Session, user_id: int, before: int | None = None, verdict: Verdict | None = None, only: str = ""
) -> list[Judgment]:
    """A person's judgments, undone ones too, the newest first, at most JUDGMENTS_AT_ONCE that came before `before`.

    `only` is "flagged", "gold" or "undone", or nothing for all.
    """
    found = (
        select(Judgment)
        .where(Judgment.user_id == user_id)
        .order_by(Judgment.created_at.desc(), Judgment.id.desc())  # as the index over person and time has them
        .limit(JUDGMENTS_AT_ONCE)
        .options(
            selectinload(Judgment.generation).selectinload(Generation.candidates),
            selectinload(Judgment.generation).selectinload(Generation.prompt),
        )
    )
    last = session.get(Judgment, before) if before is not None else None
    if last is not None:
        same_moment = and_(Judgment.created_at == last.created_at, Judgment.id < last.id)
        found = found.where(
            Judgment.created_at <= last.created_at, or_(Judgment.created_at < last.created_at, same_moment)
        )
    if verdict is not None:
        found = found.where(Judgment.verdict == verdict)
    if only == "flagged":
        found = found.where(Judgment.flagged)
    elif only == "undone":
        found = found.where(Judgment.undone_at.is_not(None))
    elif only == "gold":
        found = found.join(Generation).where(Generation.gold)
    return list(session.scalars(found))


def _judged(user_id: int, window: int) -> Select[Any]:
    latest = (
        select(Judgment)
        .where(Judgment.user_id == user_id, Judgment.undone_at.is_(None))
        .order_by(Judgment.created_at.desc())
        .limit(window)
        .subquery()
    )
    shown = (
        select(func.count())
        .where(Candidate.generation_id == latest.c.generation_id)
        .correlate(latest)
        .scalar_subquery()
    )
    return (
        select(
            latest.c.verdict,
            latest.c.seconds,
            latest.c.created_at,
            latest.c.flagged,
            # A check whose answer was taken back since tells nothing of the person.
            and_(Generation.gold, Prompt.gold_answer.is_not(None)),
            Candidate.text == Prompt.gold_answer,
            Candidate.position,
            shown,
        )
        .join(Generation, Generation.id == latest.c.generation_id)
        .join(Prompt, Prompt.id == Generation.prompt_id)
        .outerjoin(Candidate, Candidate.id == latest.c.candidate_id)
    )


def _per_hour(moments: Sequence[datetime]) -> float | None:
    ordered = sorted(moments)
    gaps = [later - earlier for earlier, later in pairwise(ordered)]
    worked = [gap for gap in gaps if gap <= _PAUSE]
    spent = sum(worked, timedelta())
    return len(worked) / (spent / timedelta(hours=1)) if spent else None


def _how_often(chance: float) -> str:
    if chance < 0.001:
        return "less than once in 1,000 times"
    if chance < 0.095:
        return f"about {chance * 1000:.0f} times in 1,000"
    return f"about {chance * 100:.0f} times in 100"


def unevenness(counts: Sequence[int]) -> float:
    """How often chance alone makes three counts, each equally likely, at least as uneven as these: Pearson's p-value.

    The chi-square distribution with 2 degrees of freedom has the survival function exp(-x / 2) (Pearson 1900).
    """
    if len(counts) != 3:
        raise ValueError("only three counts have two degrees of freedom")
    total = sum(counts)
    if not total:
        return 1.0
    expected = total / 3
    statistic = sum((count - expected) ** 2 for count in counts) / expected
    return math.exp(-statistic / 2)
