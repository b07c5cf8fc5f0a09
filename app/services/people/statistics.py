"""Each person's statistics: amount, speed, attention checks, and bias towards a position on the screen.

Habits are computed from what a person judged here, not from what they imported or decided as a reviewer, and only from
the latest of it, so that a page takes the same time however much there is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import fmean, median
from typing import Any, NamedTuple, Self

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, selectinload

from app.db import Candidate, Generation, Judgment, Prompt, User, Verdict, now
from app.schemas.windows import MOST, Window, in_order
from app.services.prompts import attention_checks
from app.services.system import counts as stored_counts
from app.services.system.cache import remembered
from app.services.system.counts import Said
from app.words import gettext, number
from models.shares import Share

WINDOW = 1_000
JUDGMENTS_AT_ONCE = 25
PLACES = 3
# With fewer choices even a strong habit cannot be told from chance; with more, a p-value below RARE is called a habit.
FEWEST_CHOICES = 30
RARE = 0.01
REASONS = 5
# A longer gap between two judgments counts as a break.
_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True)
class Positions:
    """Counts of chosen positions on screens of three. Positions are shuffled, so without a habit all are alike."""

    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """Return the number of choices."""
        return sum(self.counts)

    @property
    def chance(self) -> float:
        """Return the probability that chance alone makes the counts at least this uneven."""
        return unevenness(self.counts)

    @property
    def habit(self) -> int | None:
        """Return the position, from 1, that is chosen too often for chance; None without one or with few choices."""
        if self.total < FEWEST_CHOICES or self.chance >= RARE:
            return None
        return self.counts.index(max(self.counts)) + 1

    @property
    def sentence(self) -> str:
        """Describe the counts in plain words."""
        if self.total < FEWEST_CHOICES:
            return gettext(
                "Too few choices to tell: it takes %(fewest)s, and there are %(number)s.",
                fewest=FEWEST_CHOICES,
                number=self.total,
            )
        often = _how_often(self.chance)
        if self.habit is None:
            return gettext(
                "No position bias found: chance alone makes counts this uneven %(often)s.",
                often=often,
            )
        return gettext(
            "Position bias: position %(most)s was chosen most often and position %(least)s least often, and chance "
            "alone makes counts this uneven %(often)s. The order is shuffled on every screen, so the texts do not "
            "explain it.",
            most=self.habit,
            least=self.counts.index(min(self.counts)) + 1,
            often=often,
        )


@dataclass(frozen=True)
class Habits:
    """Statistics of the screens that a person judged last.

    `per_hour` counts working time only: breaks are left out. `skip_reasons` are the most frequent ones with their
    numbers. `rated` counts the ratings of single rewrites, of which `rating` is the mean; `tags` are the most frequent
    ones with their numbers.
    """

    judged: int
    verdicts: dict[Verdict, Share]
    median_seconds: float | None
    per_hour: float | None
    gold: Share
    positions: Positions
    flagged: int
    skip_reasons: list[tuple[str, int]]
    rated: int
    rating: float | None
    tags: list[tuple[str, int]]


class Member(NamedTuple):
    """A person, the numbers of all their standing judgments, and their habits."""

    user: User
    said: Said
    habits: Habits


class Totals(NamedTuple):
    """Numbers of people who may sign in, of those who worked in the last seven days, and of the screens they judged."""

    active: int
    busy: int
    judgments: int


class _Judged(NamedTuple):
    verdict: str
    seconds: float | None
    created_at: datetime
    flagged: bool
    reason: str | None
    gold: bool
    right: bool | None
    position: int | None
    shown: int
    remarks: list[dict[str, Any]] | None


def window(session: Session, after: int = 0, sort: str = "") -> Window:
    """Return the people with ids above `after`, as many as a table sorts, with the values of the column `sort`.

    Of deleted accounts only those are among them whose judgments were kept.
    """
    judged = exists(select(Judgment.id).where(Judgment.user_id == User.id, Judgment.annotator.is_(None)))
    shown = select(User.id, _VALUES.get(sort, User.id.expression).label("value")).where(User.id > after)
    found = shown.where(or_(User.deleted_at.is_(None), judged)).order_by(User.id).limit(MOST + 1)
    rows: Sequence[tuple[int, Any]] = [(row.id, row.value) for row in session.execute(found)]
    further = {"after": str(rows[MOST - 1][0])} if len(rows) > MOST else {}
    if sort == "judgments":
        said_by = stored_counts.said_by(stored_counts.judgments(session))
        rows = [(number, said_by.get(number, Said()).judgments) for number, _ in rows]
    return Window(rows[:MOST], further)


def members(session: Session, ids: Sequence[int]) -> list[Member]:
    """Return the people with these ids, in their order."""
    users = in_order(ids, session.scalars(select(User).where(User.id.in_(ids))))
    seen, said_by = _HabitState.now(session), stored_counts.said_by(stored_counts.judgments(session))
    return [Member(user, said_by.get(user.id, Said()), habits(session, user.id, seen=seen)) for user in users]


_VALUES: Mapping[str, ColumnElement[Any]] = {
    "person": func.coalesce(func.nullif(User.name, ""), User.email),
    "role": User.role.expression,
    "seen": User.last_seen_at.expression,
}
"""What people can be sorted by in the database; judgments are counted beside it."""


def said(session: Session, user_id: int) -> Said:
    """Return the numbers of a person's standing judgments."""
    return stored_counts.said_by(stored_counts.judgments(session)).get(user_id, Said())


def totals(session: Session) -> Totals:
    """Return the totals of the whole studio."""
    # One lookup in the index over (person, time) for each person, however many judgments there are.
    week = (
        select(func.count())
        .where(
            Judgment.user_id == User.id,
            Judgment.created_at > now() - timedelta(days=7),
            *stored_counts.made_here(),
        )
        .correlate(User)
        .scalar_subquery()
    )
    counts = list(session.scalars(select(week).select_from(User)))
    return Totals(stored_counts.people(session), sum(count > 0 for count in counts), sum(counts))


@dataclass(frozen=True)
class _HabitState:
    """The state that habits depend on: everybody's numbers of judgments, and a hash of the ids of the checks."""

    judgments: stored_counts.ByPerson
    checks: int

    @classmethod
    def now(cls, session: Session) -> Self:
        """Read the present state."""
        checks = select(Prompt.id).where(Prompt.gold_answer.is_not(None)).order_by(Prompt.id)
        return cls(stored_counts.by_person(session), hash(tuple(session.scalars(checks))))

    def stamp(self, user_id: int) -> tuple[object, ...] | None:
        """Return a value that changes when a person's habits may have; None if newer rows than these were counted."""
        seen = self.judgments
        return (seen.counts.get(user_id), seen.deletions, self.checks) if seen.exact else None


def habits(session: Session, user_id: int, window: int = WINDOW, seen: _HabitState | None = None) -> Habits:
    """Return the habits of the latest `window` screens that a person judged.

    An attention check is passed by choosing or editing the candidate that was right when it was shown; skipped ones do
    not count.
    """
    # Cached until the person judges or undoes something, a check comes or goes, or something is deleted.
    seen = seen or _HabitState.now(session)
    return remembered(
        session, ("habits", user_id, window), seen.stamp(user_id), lambda: _habits(session, user_id, window)
    )


def _habits(session: Session, user_id: int, window: int) -> Habits:
    rows = [_Judged(*row) for row in session.execute(_judged(user_id, window))]
    verdicts = Counter(row.verdict for row in rows)
    passed = [attention_checks.passed(row.gold, row.verdict, row.right) for row in rows]
    checks = [right for right in passed if right is not None]
    places = Counter(
        row.position
        for row in rows
        if row.verdict == Verdict.CHOSEN and row.shown == PLACES and row.position is not None
    )
    seconds = [row.seconds for row in rows if row.seconds is not None]
    reasons = Counter(row.reason for row in rows if row.reason and not row.flagged)
    remarks = [remark for row in rows for remark in row.remarks or ()]
    rated = [remark["rating"] for remark in remarks if "rating" in remark]
    tags = Counter(tag for remark in remarks for tag in remark.get("tags", ()))
    return Habits(
        judged=len(rows),
        verdicts={verdict: Share(verdicts[verdict], len(rows)) for verdict in Verdict},
        median_seconds=median(seconds) if seconds else None,
        per_hour=_per_hour([row.created_at for row in rows]),
        gold=Share(sum(checks), len(checks)),
        positions=Positions(tuple(places[place] for place in range(PLACES))),
        flagged=sum(row.flagged for row in rows),
        skip_reasons=reasons.most_common(REASONS),
        rated=len(rated),
        rating=fmean(rated) if rated else None,
        tags=tags.most_common(REASONS),
    )


def judgments(
    session: Session, user_id: int, before: int | None = None, verdict: Verdict | None = None, only: str = ""
) -> list[Judgment]:
    """Return a person's judgments, undone ones too, the newest first, at most JUDGMENTS_AT_ONCE older than `before`.

    `only` is "flagged", "gold" or "undone", or empty for all.
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
        .where(Judgment.user_id == user_id, Judgment.decision.is_(False), *stored_counts.made_here())
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
            latest.c.reason,
            # A prompt that is no attention check any more does not count as one.
            and_(Generation.gold, Prompt.gold_answer.is_not(None)),
            Candidate.right,
            Candidate.position,
            shown,
            latest.c.remarks,
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
        return gettext("less than once in %(whole)s times", whole=number(1_000))
    if chance < 0.095:
        return gettext("about %(times)s times in %(whole)s", times=number(chance * 1000), whole=number(1_000))
    return gettext("about %(times)s times in %(whole)s", times=number(chance * 100), whole=100)


def unevenness(counts: Sequence[int]) -> float:
    """Return how often chance alone makes three counts at least as uneven as these: Pearson's p-value.

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
