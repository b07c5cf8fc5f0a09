"""The selection of judgments that a run learns from: by person, day, source and agreement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select

from app.db import Candidate, Generation, Judgment, Prompt, Verdict
from app.errors import Invalid

MOST_CHOICES = 200
_FIELDS = ("people", "sources", "from_day", "to_day", "min_agreement")
_ROUNDING = 1e-9  # two of three judges reach two thirds, however many digits were typed


@dataclass(frozen=True)
class Selection:
    """Conditions on judgments; an empty field selects everything.

    `people` are user ids, `sources` the sources of prompts; the days are in UTC and both included. `min_agreement`
    leaves out, on prompts that several people judged, every judgment that a smaller share of them agrees with.
    """

    people: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    from_day: date | None = None
    to_day: date | None = None
    min_agreement: float = 0.0

    @classmethod
    def parse(cls, body: object) -> Selection:
        """Read a selection from parsed JSON; raises Invalid about the first field that is wrong."""
        if not isinstance(body, Mapping):
            raise Invalid("selection must be an object.")
        unknown = set(map(str, body)) - set(_FIELDS)
        if unknown:
            raise Invalid(f"There is no field {min(unknown)!r} in a selection.")
        chosen = cls(
            people=tuple(sorted(set(_list(body, "people", int, "the ids of people")))),
            sources=tuple(sorted(set(_list(body, "sources", str, "names of sources")))),
            from_day=_day(body, "from_day"),
            to_day=_day(body, "to_day"),
            min_agreement=_share(body.get("min_agreement")),
        )
        if chosen.from_day and chosen.to_day and chosen.to_day < chosen.from_day:
            raise Invalid("from_day must not be after to_day.")
        return chosen

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that are not empty, JSON-compatible; `parse` reads them back."""
        fields = {
            "people": list(self.people),
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
            parts.append("of one person" if len(self.people) == 1 else f"of {len(self.people)} people")
        if self.sources:
            parts.append(f"on prompts from {', '.join(self.sources)}")
        if self.from_day:
            parts.append(f"from {self.from_day.isoformat()} on")
        if self.to_day:
            parts.append(f"until {self.to_day.isoformat()}")
        if self.min_agreement:
            parts.append(f"that {self.min_agreement * 100:.0f} % of the judges agree with")
        return ", ".join(parts)

    def conditions(self, last_judgment_id: int) -> list[ColumnElement[bool]]:
        """Return the conditions of standing judgments up to that one that are selected."""
        found: list[ColumnElement[bool]] = [Judgment.undone_at.is_(None), Judgment.id <= last_judgment_id]
        if self.people:
            found.append(Judgment.user_id.in_(self.people))
        if self.from_day:
            found.append(Judgment.created_at >= _midnight(self.from_day))
        if self.to_day:
            found.append(Judgment.created_at < _midnight(self.to_day) + timedelta(days=1))
        if self.sources:
            wanted = select(Generation.id).join(Prompt).where(Prompt.source.in_(self.sources))
            found.append(Judgment.generation_id.in_(wanted))
        if self.min_agreement:
            found.append(Judgment.id.not_in(_disputed(last_judgment_id, self.min_agreement)))
        return found


EVERYTHING = Selection()


def _disputed(last_judgment_id: int, least: float) -> Any:
    """Select the ids of judgments whose choice is shared by less than `least` of the people who judged the prompt.

    A choice is a text, or that none is good, or that some are equally good. Skipped screens are not counted.
    """
    text = func.coalesce(Judgment.edited_text, Candidate.text, "")
    choices = (
        select(
            Judgment.id.label("id"),
            Judgment.user_id.label("person"),
            Generation.prompt_id.label("prompt"),
            (Judgment.verdict + ":" + text).label("choice"),
        )
        .join(Generation, Generation.id == Judgment.generation_id)
        .outerjoin(Candidate, Candidate.id == Judgment.candidate_id)
        .where(
            Judgment.undone_at.is_(None),
            Judgment.id <= last_judgment_id,
            Judgment.verdict != Verdict.SKIPPED,
            Generation.gold.is_(False),
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


def _list(body: Mapping[str, Any], name: str, kind: type, meaning: str) -> list[Any]:
    value = body.get(name, [])
    if not isinstance(value, list) or len(value) > MOST_CHOICES or any(type(one) is not kind for one in value):
        raise Invalid(f"{name} must be a list of {meaning}, at most {MOST_CHOICES} of them.")
    if kind is str and any("\x00" in one for one in value):
        raise Invalid(f"{name} holds characters that cannot be stored.")
    if kind is int and any(not 0 < one < 2**31 for one in value):
        raise Invalid(f"{name} must be a list of {meaning}.")
    return value


def _day(body: Mapping[str, Any], name: str) -> date | None:
    value = body.get(name)
    if value in (None, ""):
        return None
    try:
        day = date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        day = None
    if day is None or not 1970 <= day.year < 9999:
        raise Invalid(f"{name} must be a day such as 2026-01-31.")
    return day


def _share(value: object) -> float:
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Invalid("min_agreement must be a number from 0 to 1.")
    return float(value)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
