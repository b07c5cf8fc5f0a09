"""Finding judgments: by person, verdict, day, text, flag, tag, comment, check, version and source, a page at a time.

Pages go back by id, so that the last of a million is as near as the first. What no index helps to find is looked for
among a bounded number of judgments at a time; a page then says where to go on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta
from sqlalchemy import ColumnElement, Row, Select, Text, and_, cast, exists, func, or_, select
from sqlalchemy.orm import Session, selectinload

from app.db import Candidate, Generation, Judgment, Prompt, User, Verdict, holds
from app.schemas.days import Day, check_days
from app.schemas.kinds import Limit, RowId, Search, YesNo
from app.schemas.reading import Sent, read_form
from app.schemas.windows import MOST, Window, in_order
from app.services.prompts import attention_checks, metadata
from app.services.prompts.metadata import MetadataSearch
from app.words import N_
from models.formats.annotations import DECISION, OPINION

PAGE = 50
SCANNED = 30_000
"""So many judgments are looked at for one page."""


class JudgmentQuery(Sent, frozen=True):
    """Filter of judgments; what is left out leaves it open."""

    person: Annotated[RowId, Meta(description="The id of who judged.")] | None = None
    verdict: Annotated[Verdict, Meta(description="What was said.")] | None = None
    since: Annotated[Day, Meta(description="The first day, UTC.")] | None = None
    until: Annotated[Day, Meta(description="The last day, UTC.")] | None = None
    text: Annotated[
        Search, Meta(description="What the prompt, a rewrite, an edited text, a reason or a comment holds.")
    ] = ""
    flagged: Annotated[YesNo, Meta(description="Whether it was flagged.")] | None = None
    gold: Annotated[YesNo, Meta(description="Whether it was an attention check.")] | None = None
    version: Annotated[RowId, Meta(description="A version that wrote a rewrite on the screen.")] | None = None
    source: Annotated[Search, Meta(description="Where the prompt comes from.")] = ""
    metadata: MetadataSearch = ""
    tag: Annotated[Search, Meta(description="A tag that a candidate has.")] = ""
    comment: Annotated[YesNo, Meta(description="Whether there is a comment for colleagues.")] | None = None

    def __post_init__(self) -> None:
        """Check the days; raises Invalid."""
        check_days(since=self.since, until=self.until)


class JudgmentPageQuery(JudgmentQuery, frozen=True):
    """A page of the judgments that are meant."""

    undone: Annotated[
        Literal["yes", "no", "any"],
        Meta(
            description="Undone ones; only those that stand unless given.",
            extra={"refusal": N_("{name} must be yes, no or any.")},
        ),
    ] = "no"
    limit: Limit | None = None
    before: Annotated[RowId, Meta(description="Only ids below it.")] | None = None


@dataclass(frozen=True)
class JudgmentFilter:
    """Filter of judgments; a field that is None or empty leaves it open.

    Days are UTC, and `until` is the last one. `undone` says whether undone ones are meant (None: both).
    """

    person: int | None = None
    verdict: str = ""
    since: date | None = None
    until: date | None = None
    text: str = ""
    flagged: bool | None = None
    gold: bool | None = None
    version: int | None = None
    source: str = ""
    undone: bool | None = False
    metadata: str = ""
    tag: str = ""
    comment: bool | None = None

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> JudgmentFilter:
        """Return the filter of a page's query; raises Invalid with a sentence about the first value that is wrong."""
        return cls.of(read_form(JudgmentPageQuery, values))

    @classmethod
    def of(cls, query: JudgmentQuery) -> JudgmentFilter:
        """Return the filter of a query; one that does not speak of undone ones means those that stand."""
        undone = query.undone if isinstance(query, JudgmentPageQuery) else "no"
        return cls(
            query.person,
            query.verdict or "",
            query.since,
            query.until,
            query.text.strip(),
            _SWITCH[query.flagged],
            _SWITCH[query.gold],
            query.version,
            query.source.strip(),
            None if undone == "any" else undone == "yes",
            query.metadata.strip(),
            query.tag.strip(),
            _SWITCH[query.comment],
        )

    def as_query(self) -> dict[str, str]:
        """The query that this filter is parsed from."""
        query: dict[str, str] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name == "undone":
                query |= {"undone": "any"} if value is None else {"undone": "yes"} if value else {}
            elif isinstance(value, bool):
                query[one.name] = "yes" if value else "no"
            elif value not in (None, ""):
                query[one.name] = str(value)
        return query

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same as conditions on a Judgment."""
        wanted: list[ColumnElement[bool]] = []
        if self.person is not None:
            wanted.append(Judgment.user_id == self.person)
        if self.verdict:
            wanted.append(Judgment.verdict == self.verdict)
        if self.since is not None:
            wanted.append(Judgment.created_at >= _midnight(self.since))
        if self.until is not None:
            wanted.append(Judgment.created_at < _midnight(self.until + timedelta(days=1)))
        if self.flagged is not None:
            wanted.append(Judgment.flagged.is_(self.flagged))
        if self.tag:
            wanted.append(cast(Judgment.remarks, Text).contains(json.dumps(self.tag), autoescape=True))
        if self.comment is not None:
            wanted.append(Judgment.comment.is_not(None) if self.comment else Judgment.comment.is_(None))
        if self.undone is not None:
            wanted.append(Judgment.undone_at.is_not(None) if self.undone else Judgment.undone_at.is_(None))
        return wanted + self._of_screens()

    def _of_screens(self) -> list[ColumnElement[bool]]:
        """Return the conditions on the screen that was judged."""
        wanted: list[ColumnElement[bool]] = []
        if self.gold is not None:
            wanted.append(_on_screen(Generation.gold.is_(self.gold)))
        if self.version is not None:
            wanted.append(_with_candidate(Candidate.version_number == self.version))
        if self.source:
            wanted.append(_of_prompt(Prompt.source == self.source))
        if self.metadata:
            wanted.append(_of_prompt(metadata.has(self.metadata)))
        if self.text:
            wanted.append(
                or_(
                    holds(Judgment.edited_text, self.text),
                    holds(Judgment.reason, self.text),
                    holds(Judgment.comment, self.text),
                    _of_prompt(holds(Prompt.text, self.text)),
                    _with_candidate(holds(Candidate.text, self.text)),
                )
            )
        return wanted


@dataclass(frozen=True)
class Page:
    """Judgments, the newest first; there may be more before the id `before`, unless that is None.

    `searched_all` is false if the look ended for the number of judgments and not for that of hits.
    """

    judgments: list[Judgment]
    before: int | None
    searched_all: bool = True


def page(session: Session, wanted: JudgmentFilter, before: int | None = None, size: int = PAGE) -> Page:
    """The newest judgments that are meant, of those with an id below `before`."""
    found, bottom = _find(session, wanted, before, size)
    judgments = load(session, [row.id for row in found[:size]])
    if len(found) > size:
        return Page(judgments, found[size - 1].id)
    return Page(judgments, bottom or None, searched_all=not bottom)


def window(session: Session, wanted: JudgmentFilter, before: int | None = None, sort: str = "") -> Window:
    """Return the newest judgments that are meant, as many as a table sorts, with the values of the column `sort`."""
    found, bottom = _find(session, wanted, before, MOST, _VALUES.get(sort, Judgment.id.expression).label("value"))
    place = found[MOST - 1].id if len(found) > MOST else bottom
    return Window([(row.id, row.value) for row in found[:MOST]], {"before": str(place)} if place else {})


def load(session: Session, ids: Sequence[int]) -> list[Judgment]:
    """Return judgments with their screens, in the order of these ids."""
    found = select(Judgment).where(Judgment.id.in_(ids))
    screen = selectinload(Judgment.generation)
    options = (screen.selectinload(Generation.prompt), screen.selectinload(Generation.candidates))
    return in_order(ids, session.scalars(found.options(*options)))


def _find(
    session: Session, wanted: JudgmentFilter, before: int | None, size: int, *values: ColumnElement[Any]
) -> tuple[Sequence[Row[Any]], int]:
    """Return the ids of the newest that are meant, one more than `size` if there are so many, and how far it looked."""
    top = before if before is not None else (session.scalar(select(func.max(Judgment.id))) or 0) + 1
    bottom = max(0, top - SCANNED)
    found = (
        select(Judgment.id, *values)
        .where(Judgment.id < top, Judgment.id >= bottom, *wanted.conditions())
        .order_by(Judgment.id.desc())
        .limit(size + 1)
    )
    return session.execute(found).all(), bottom


def people(session: Session) -> list[User]:
    """Everyone who may have judged, by name."""
    return list(session.scalars(select(User).order_by(func.lower(User.email))))


def names(session: Session, judgments: list[Judgment]) -> dict[int, str]:
    """Return the names of the people who made these judgments, by id."""
    ids = {judgment.user_id for judgment in judgments}
    return {user.id: user.name or user.email for user in session.scalars(select(User).where(User.id.in_(ids)))}


def person_of(judgment: Judgment, names: Mapping[int, str]) -> str:
    """Return what the person who judged is called: as their file has it, or else by the names of users."""
    return names[judgment.user_id] if judgment.annotator is None else f"{judgment.annotator}, imported"


def as_json(judgment: Judgment, person: str) -> dict[str, Any]:
    """One judgment with all that was on its screen, as the API shows it."""
    screen = judgment.generation
    return {
        "id": judgment.id,
        "person": {"id": judgment.user_id, "name": person},
        "verdict": judgment.verdict,
        "prompt": {"id": screen.prompt_id, "text": screen.prompt.text, "source": screen.prompt.source},
        "candidates": [
            {
                "id": one.id,
                "text": one.text,
                "version": one.version_number,
                "best": one.id in best_of(judgment),
                "place": judgment.place_of(one.id),
                **judgment.remark_on(one.id),
            }
            for one in screen.candidates
        ],
        "comment": judgment.comment,
        "edited_text": judgment.edited_text,
        "reason": judgment.reason,
        "flagged": judgment.flagged,
        "gold": screen.gold,
        "kind": DECISION if judgment.decision else OPINION,
        "decided_by": judgment.decided_by,
        "right": right(judgment),
        "seconds": judgment.seconds,
        "created_at": judgment.created_at.isoformat(),
        "undone_at": judgment.undone_at.isoformat() if judgment.undone_at else None,
    }


def best_of(judgment: Judgment) -> set[int]:
    """The candidates that were said to be best."""
    if judgment.verdict == Verdict.CHOSEN and judgment.candidate_id is not None:
        return {judgment.candidate_id}
    return {int(one) for one in judgment.tied or []}


def right(judgment: Judgment) -> bool | None:
    """Tell whether an attention check was passed, as on the page of people; None for any other screen, and a skip."""
    screen = judgment.generation
    chosen = next((one.right for one in screen.candidates if one.id == judgment.candidate_id), None)
    return attention_checks.passed(screen.gold and screen.prompt.gold_answer is not None, judgment.verdict, chosen)


def _on_screen(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return _there_is(select(Generation.id).where(Generation.id == Judgment.generation_id, condition))


def _with_candidate(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return _there_is(select(Candidate.id).where(Candidate.generation_id == Judgment.generation_id, condition))


def _of_prompt(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    joined = and_(Generation.id == Judgment.generation_id, Prompt.id == Generation.prompt_id)
    return _there_is(select(Prompt.id).where(joined, condition))


def _there_is(found: Select[int]) -> ColumnElement[bool]:
    """Return the condition that a row is found for the judgment, whatever other tables are asked beside it."""
    return exists(found.correlate(Judgment))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


_SWITCH: Mapping[str | None, bool | None] = {"yes": True, "no": False, None: None}

_PROMPT = (
    select(Prompt).join(Generation, Generation.prompt_id == Prompt.id).where(Generation.id == Judgment.generation_id)
)
_NAME = select(func.coalesce(func.nullif(User.name, ""), User.email)).where(User.id == Judgment.user_id)
_VALUES: Mapping[str, ColumnElement[Any]] = {
    "verdict": Judgment.verdict.expression,
    "person": func.coalesce(Judgment.annotator, _NAME.correlate(Judgment).scalar_subquery()),
    "seconds": Judgment.seconds.expression,
    "source": _PROMPT.with_only_columns(Prompt.source).correlate(Judgment).scalar_subquery(),
    "text": _PROMPT.with_only_columns(func.substr(Prompt.text, 1, 200)).correlate(Judgment).scalar_subquery(),
}
"""What a table of judgments can be sorted by, beside their time, which is the order of their ids."""
