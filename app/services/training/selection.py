"""The selection of judgments that a run learns from: by person, day, source and agreement.

Answers that were given more quickly than a person reads teach nothing at all: `unhurried`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, ClassVar

from msgspec import Meta
from msgspec.structs import force_setattr
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.db import JUDGE, Candidate, Generation, Judgment, Prompt, Verdict
from app.domain_errors import Invalid
from app.schemas.days import Day, check_days
from app.schemas.kinds import LARGEST_ID, STORABLE
from app.schemas.reading import Sent, read
from app.services.prompts import studio_settings
from app.words import gettext, ngettext, number

MOST_CHOICES = 200
_ROUNDING = 1e-9  # two of three judges reach two thirds, however many digits were typed


_Person = Annotated[int, Meta(ge=1, le=LARGEST_ID, extra={"bounds": "people must be a list of the ids of people."})]
_Source = Annotated[str, Meta(pattern=STORABLE, extra={"pattern": "sources holds characters that cannot be stored."})]
_People = Annotated[
    tuple[_Person, ...],
    Meta(
        max_length=MOST_CHOICES,
        description="The ids of those who judged.",
        extra={"refusal": f"people must be a list of the ids of people, at most {MOST_CHOICES} of them."},
    ),
]
_Judge = Annotated[str, Meta(pattern=STORABLE, extra={"pattern": "without holds characters that cannot be stored."})]
_Judges = Annotated[
    tuple[_Judge, ...],
    Meta(
        max_length=MOST_CHOICES,
        description="Those who are left out: the id of a person as a text, or `imported:` and a name in a file.",
        extra={"refusal": f"without must be a list of those who judged, as texts, at most {MOST_CHOICES} of them."},
    ),
]
_Sources = Annotated[
    tuple[_Source, ...],
    Meta(
        max_length=MOST_CHOICES,
        description="Where the prompts came from.",
        extra={"refusal": f"sources must be a list of names of sources, at most {MOST_CHOICES} of them."},
    ),
]
_Agreement = Annotated[
    float,
    Meta(
        ge=0,
        le=1,
        description="On prompts that several people judged, the least share of them that agrees.",
        extra={"refusal": "min_agreement must be a number from 0 to 1."},
    ),
]


class Selection(Sent, frozen=True):
    """Conditions on judgments; an empty field selects everything."""

    # `people` are user ids, `without` texts of JUDGE, `sources` the sources of prompts; the days are in UTC and both
    # included. `min_agreement` leaves out, on prompts that several people judged, every judgment that a smaller share
    # of them agrees with.
    unknown: ClassVar[str] = "There is no field {name!r} in a selection."

    people: _People = ()
    without: _Judges = ()
    sources: _Sources = ()
    from_day: Annotated[Day, Meta(description="In UTC, included.")] | None = None
    to_day: Annotated[Day, Meta(description="In UTC, included.")] | None = None
    min_agreement: _Agreement = 0.0

    def __post_init__(self) -> None:
        """Put the choices in order, and check what the fields ask of each other; raises Invalid."""
        force_setattr(self, "people", tuple(sorted(set(self.people))))
        force_setattr(self, "without", tuple(sorted(set(self.without))))
        force_setattr(self, "sources", tuple(sorted(set(self.sources))))
        check_days(from_day=self.from_day, to_day=self.to_day)
        if self.from_day and self.to_day and self.to_day < self.from_day:
            raise Invalid(gettext("from_day must not be after to_day."))

    @classmethod
    def parse(cls, body: object) -> Selection:
        """Read a selection from parsed JSON; raises Invalid about the first field that is wrong.

        A field that is null or an empty text, as a form has it, leaves nothing out.
        """
        if not isinstance(body, Mapping):
            raise Invalid(gettext("selection must be an object."))
        return read(cls, {name: value for name, value in body.items() if value is not None and value != ""})

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that are not empty, JSON-compatible; `parse` reads them back."""
        fields = {
            "people": list(self.people),
            "without": list(self.without),
            "sources": list(self.sources),
            "from_day": self.from_day.isoformat() if self.from_day else None,
            "to_day": self.to_day.isoformat() if self.to_day else None,
            "min_agreement": self.min_agreement,
        }
        return {name: value for name, value in fields.items() if value}

    def describe(self) -> str:
        """Describe the selection in words; empty if everything is selected."""
        parts = []
        if self.people:
            parts.append(ngettext("of one person", "of %(num)d people", len(self.people)))
        if self.without:
            parts.append(ngettext("without one person", "without %(num)d people", len(self.without)))
        if self.sources:
            parts.append(gettext("on prompts from %(sources)s", sources=", ".join(self.sources)))
        if self.from_day:
            parts.append(gettext("from %(day)s on", day=self.from_day.isoformat()))
        if self.to_day:
            parts.append(gettext("until %(day)s", day=self.to_day.isoformat()))
        if self.min_agreement:
            share = number(self.min_agreement * 100)
            parts.append(gettext("that %(percent)s %% of the judges agree with", percent=share))
        return ", ".join(parts)

    def conditions(self, last_judgment_id: int, *also: ColumnElement[bool]) -> list[ColumnElement[bool]]:
        """Return the conditions of the judgments up to that one that count and are selected.

        A decision that is not among them decides nothing: what it decided counts. Those that do not meet `also` are
        left out before anything else is asked, so that they agree with nobody.
        """
        found: list[ColumnElement[bool]] = [Judgment.undone_at.is_(None), Judgment.id <= last_judgment_id, *also]
        if self.people:
            found.append(Judgment.user_id.in_(self.people))
        if self.without:
            found.append(JUDGE.not_in(self.without))
        if self.from_day:
            found.append(Judgment.created_at >= _midnight(self.from_day))
        if self.to_day:
            found.append(Judgment.created_at < _midnight(self.to_day) + timedelta(days=1))
        if self.sources:
            wanted = select(Generation.id).join(Prompt).where(Prompt.source.in_(self.sources))
            found.append(Judgment.generation_id.in_(wanted))
        decisions = select(Judgment.id).where(Judgment.decision, *found).correlate(None)
        found.append(or_(Judgment.decided_by.is_(None), Judgment.decided_by.not_in(decisions)))
        if self.min_agreement:
            found.append(Judgment.id.not_in(_disputed(last_judgment_id, self.min_agreement, *also)))
        return found


EVERYTHING = Selection()


def unhurried(session: Session) -> list[ColumnElement[bool]]:
    """Return the conditions of judgments that took their person as long as the studio asks for at least.

    Those of files stay, and so do those of which nobody knows how long they took.
    """
    least = studio_settings.settings(session).least_seconds
    return [or_(Judgment.seconds.is_(None), Judgment.seconds >= least, Judgment.imported)] if least else []


def hurried(session: Session) -> ColumnElement[bool]:
    """Return the condition of all other judgments: those that nothing is learned from."""
    return and_(Judgment.seconds < studio_settings.settings(session).least_seconds, Judgment.imported.is_(False))


def _disputed(last_judgment_id: int, least: float, *also: ColumnElement[bool]) -> Any:
    """Select the ids of judgments whose choice is shared by less than `least` of the people who judged the prompt.

    A choice is a text, or that none is good, or that some are equally good. Skipped screens are not counted, nor are
    decisions of reviewers.
    """
    text = func.coalesce(Judgment.edited_text, Candidate.text, "")
    choices = (
        select(
            Judgment.id.label("id"),
            JUDGE.label("person"),
            Generation.prompt_id.label("prompt"),
            (Judgment.verdict + ":" + text).label("choice"),
        )
        .join(Generation, Generation.id == Judgment.generation_id)
        .outerjoin(Candidate, Candidate.id == Judgment.candidate_id)
        .where(
            Judgment.undone_at.is_(None),
            Judgment.id <= last_judgment_id,
            Judgment.verdict != Verdict.SKIPPED,
            Judgment.decision.is_(False),
            Generation.gold.is_(False),
            *also,
        )
        .cte("choices")
    )
    people: ColumnElement[int] = func.count(func.distinct(choices.c.person))
    judges = (
        select(choices.c.prompt, people.label("judges")).group_by(choices.c.prompt).having(people > 1).cte("judges")
    )
    same = select(choices.c.prompt, choices.c.choice, people.label("same")).group_by(choices.c.prompt, choices.c.choice)
    agreed = same.cte("agreed")
    return (
        select(choices.c.id)
        .join(judges, judges.c.prompt == choices.c.prompt)
        .join(agreed, (agreed.c.prompt == choices.c.prompt) & (agreed.c.choice == choices.c.choice))
        .where(agreed.c.same < (least - _ROUNDING) * judges.c.judges)
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
