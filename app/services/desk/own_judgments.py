"""A person's own judgments: searching them, and judging the same screen again. Undoing and storing: `judgments`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session, selectinload

from app.db import Candidate, Generation, Judgment, Prompt, Verdict, holds
from app.domain_errors import Invalid, NotFound
from app.schemas.days import parse_day
from app.schemas.kinds import ONE_OF
from app.services.desk import pace
from app.services.system.counts import made_here
from app.words import N_, gettext

PAGE = 20
LONGEST_SEARCH = 200
FLAGGED = "flagged"
STATES = {"standing": N_("that count"), "imported": N_("imported"), "undone": N_("undone"), "all": N_("all")}


@dataclass(frozen=True)
class Filters:
    """Filters of a person's own judgments. Empty means all; `state` says whether undone or imported ones are meant."""

    verdict: str = ""
    day: date | None = None
    text: str = ""
    state: str = "standing"

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Filters:
        """Read filters from a query string; raises Invalid about the first that is wrong."""
        verdict, text, state = query.get("verdict", ""), query.get("text", "").strip(), query.get("state", "")
        if verdict and verdict != FLAGGED and verdict not in list(Verdict):
            raise Invalid(gettext("There is no verdict %(name)s.", name=repr(verdict[:40])))
        if len(text) > LONGEST_SEARCH or "\x00" in text:
            raise Invalid(gettext("Search for at most %(most)s characters.", most=LONGEST_SEARCH))
        if state and state not in STATES:
            raise Invalid(gettext(ONE_OF).format(name="state", choices=", ".join(STATES)))
        return cls(verdict, parse_day(query.get("day", ""), "day"), text, state or "standing")

    def as_query(self) -> dict[str, str]:
        """Return the query string of these filters, without those that have their default."""
        given = {
            "verdict": self.verdict,
            "day": self.day.isoformat() if self.day else "",
            "text": self.text,
            "state": "" if self.state == "standing" else self.state,
        }
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True)
class Page:
    """Judgments, the newest first; `older` is the id below which the next page begins, None on the last page."""

    judgments: Sequence[Judgment]
    older: int | None


def page(session: Session, user_id: int, filters: Filters, zone: ZoneInfo, below: int | None = None) -> Page:
    """Return one page of a person's judgments that match, older than judgment `below`, with screens and texts."""
    query = (
        select(Judgment)
        .where(Judgment.user_id == user_id, *_conditions(filters, zone))
        .order_by(Judgment.created_at.desc(), Judgment.id.desc())  # as the index over person and time has them
        .limit(PAGE + 1)
        .options(
            selectinload(Judgment.generation).selectinload(Generation.candidates),
            selectinload(Judgment.generation).selectinload(Generation.prompt),
        )
    )
    if below is not None:
        last = own(session, user_id, below)
        same_moment = and_(Judgment.created_at == last.created_at, Judgment.id < last.id)
        earlier = or_(Judgment.created_at < last.created_at, same_moment)
        query = query.where(Judgment.created_at <= last.created_at, earlier)
    found = list(session.scalars(query))
    return Page(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def superseded(session: Session, user_id: int, shown: Sequence[Judgment]) -> dict[int, int]:
    """Map each undone judgment among `shown` to the id of the standing one of the same screen, where one exists."""
    screens = {judgment.generation_id for judgment in shown if judgment.undone_at is not None}
    if not screens:
        return {}
    standing = select(Judgment.generation_id, Judgment.id).where(
        Judgment.user_id == user_id, Judgment.generation_id.in_(screens), Judgment.undone_at.is_(None)
    )
    by_screen = dict(iter(session.execute(standing)))
    return {
        judgment.id: by_screen[judgment.generation_id]
        for judgment in shown
        if judgment.undone_at is not None and judgment.generation_id in by_screen
    }


def decisions(session: Session, shown: Sequence[Judgment]) -> dict[int, Judgment]:
    """Map each standing judgment among `shown` instead of which a reviewer's decision counts to that decision."""
    decided = {judgment.decided_by for judgment in shown if judgment.decided_by and judgment.undone_at is None}
    screen = selectinload(Judgment.generation)
    found = select(Judgment).where(Judgment.id.in_(decided), Judgment.undone_at.is_(None))
    whole = (screen.selectinload(Generation.candidates), screen.selectinload(Generation.prompt))
    by_id = {one.id: one for one in session.scalars(found.options(*whole))} if decided else {}
    return {one.id: by_id[one.decided_by] for one in shown if one.decided_by in by_id and one.undone_at is None}


def own(session: Session, user_id: int, judgment_id: int) -> Judgment:
    """Return a person's own judgment; raises NotFound for anyone else's."""
    judgment = session.get(Judgment, judgment_id)
    if judgment is None or judgment.user_id != user_id:
        raise NotFound(gettext("There is no judgment %(id)s of yours.", id=judgment_id))
    return judgment


def same_again(judgment: Judgment) -> dict[str, Any]:
    """Return the JSON body that sends the same judgment of the same screen once more.

    It includes the seconds, because those of an undone judgment no longer count.
    """
    body: dict[str, Any] = {
        "generation_id": judgment.generation_id,
        "verdict": judgment.verdict,
        "candidate_id": judgment.candidate_id,
        "edited_text": judgment.edited_text,
        "tied": judgment.tied,
        "reason": judgment.reason,
        "flagged": judgment.flagged,
        "ranking": judgment.ranking,
        "remarks": judgment.remarks,
        "comment": judgment.comment,
        "seconds": judgment.seconds,
    }
    return {name: value for name, value in body.items() if value is not None}


def _conditions(filters: Filters, zone: ZoneInfo) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.state == "standing":
        found += made_here()
    elif filters.state == "imported":
        found += [Judgment.undone_at.is_(None), Judgment.imported.is_(True)]
    elif filters.state == "undone":
        found.append(Judgment.undone_at.is_not(None))
    if filters.verdict == FLAGGED:
        found.append(Judgment.flagged.is_(True))
    elif filters.verdict:
        found.append(Judgment.verdict == filters.verdict)
    if filters.day:
        begin, end = pace.bounds(filters.day, zone)
        found += [Judgment.created_at >= begin, Judgment.created_at < end]
    if filters.text:
        found.append(_mentions(filters.text))
    return found


def _mentions(text: str) -> ColumnElement[bool]:
    """Match judgments whose prompt, a rewrite or the edited text contains `text`, in upper or lower case."""
    in_source = exists(
        select(Generation.id)
        .join(Prompt, Prompt.id == Generation.prompt_id)
        .where(Generation.id == Judgment.generation_id, holds(Prompt.text, text))
    )
    in_rewrite = exists(
        select(Candidate.id).where(Candidate.generation_id == Judgment.generation_id, holds(Candidate.text, text))
    )
    return or_(holds(Judgment.edited_text, text), in_source, in_rewrite)
