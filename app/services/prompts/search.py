"""Searching prompts and changing them, one by one or all that match.

The queue is listed in the order in which it is served, everything else the newest first; a page begins after the last
row of the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import sqlalchemy
from msgspec import Meta
from msgspec.structs import force_setattr
from sqlalchemy import ColumnElement, Select, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.db import FIRST, AuditEvent, Generation, Judgment, Prompt, holds, project_of, write_transaction
from app.domain_errors import Invalid, NotFound
from app.schemas.kinds import LARGEST_ID, Limit, Search, one_of
from app.schemas.reading import Sent, read, read_form
from app.schemas.windows import in_order
from app.services.prompts import metadata, prompts, queue_progress, retirement, studio_settings
from app.services.prompts.changes import Priority, PromptChange, PromptsChange
from app.services.prompts.metadata import MetadataSearch
from app.services.prompts.queue import GOLD, WAITING, stretches
from app.services.prompts.reservations import OPINIONS, counts_of, open_for, opinions, skips, wanted_opinions
from app.services.prompts.studio_settings import StudioSettings
from app.services.system import audit, counts
from app.services.system.authorship import TYPED
from app.words import N_, gettext

PAGE = 50
SCANNED = 100_000
"""The number of prompts that are scanned for one page of a search."""
COUNTED = 2_000
State = Literal["queue", "gold", "judged", "skipped", "out", "all"]
STATES: Mapping[State, str] = {
    "queue": N_("In the queue"),
    "gold": N_("Attention checks"),
    "judged": N_("Judged"),
    "skipped": N_("Nobody could judge"),
    "out": N_("Taken out"),
    "all": N_("All prompts"),
}

_judged = exists(
    select(Judgment.id)
    .join(Generation, Judgment.generation_id == Generation.id)
    .where(Generation.prompt_id == Prompt.id, *OPINIONS)
)
_CONDITIONS: dict[str, tuple[ColumnElement[bool], ...]] = {
    "queue": (WAITING,),  # and open, which depends on the studio, as does
    "skipped": (WAITING,),
    "gold": (GOLD,),
    "judged": (_judged,),
    "out": (~Prompt.queued, ~_judged, Prompt.source != "typed"),
    "all": (),
}


_LOOKED_FOR = ("text", "source", "metadata")


class PromptFilter(Sent, frozen=True):
    """A filter of prompts: those in one of STATES that hold `text`, come from `source` and have `metadata`.

    What is not given leaves it open.
    """

    state: Annotated[State, one_of(STATES), Meta(description="Which prompts; the queue unless given.")] = "queue"
    text: Annotated[Search, Meta(description="What the prompt holds.")] = ""
    source: Annotated[Search, Meta(description="Where it comes from.")] = ""
    metadata: MetadataSearch = ""

    def __post_init__(self) -> None:
        """Leave out white space around what is looked for."""
        for name in _LOOKED_FOR:
            force_setattr(self, name, getattr(self, name).strip())

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Self:
        """Read a filter from the query of a page; raises Invalid about the first value that is wrong."""
        return read_form(cls, values)

    def as_query(self) -> dict[str, str]:
        """Return the query that this filter is parsed from."""
        return {"state": self.state} | {name: value for name in _LOOKED_FOR if (value := getattr(self, name))}

    def conditions(self, decided: StudioSettings) -> list[ColumnElement[bool]]:
        """Return the filter as conditions on a Prompt."""
        wanted = list(_CONDITIONS[self.state])
        if self.state == "queue":
            wanted.append(open_for(decided))
        if self.state == "skipped":
            wanted += [skips(Prompt.id) >= decided.most_skips, opinions(Prompt.id) < wanted_opinions(decided)]
        if self.text:
            wanted.append(holds(Prompt.text, self.text))
        if self.source:
            wanted.append(Prompt.source == self.source)
        if self.metadata:
            wanted.append(metadata.has(self.metadata))
        return wanted


class PromptQuery(PromptFilter, frozen=True):
    """A page of the prompts that are meant."""

    limit: Limit | None = None
    after_id: Annotated[int, Meta(ge=0, le=LARGEST_ID, description="Of the last page's `after`.")] | None = None
    after_priority: Annotated[Priority, Meta(description="Of the last page's `after`.")] | None = None

    @property
    def after(self) -> dict[str, str]:
        """The last row of the page before, as `page` takes it."""
        place = {"id": self.after_id, "priority": self.after_priority}
        return {name: str(value) for name, value in place.items() if value is not None}


@dataclass(frozen=True)
class Row:
    """A prompt, how many people's judgments of it stand, how many are wanted, and if too many people skipped it."""

    prompt: Prompt
    judges: int
    wanted: int
    skipped: bool

    @property
    def state(self) -> str:
        """Return the prompt's state in a word or two."""
        if self.prompt.gold_answer is not None:
            return "attention check" if self.prompt.queued else "out"
        if self.judges >= self.wanted:
            return "done"
        if not self.prompt.queued:
            return "out"
        if self.skipped:
            return "skipped"
        return "begun" if self.judges else "waiting"


@dataclass(frozen=True)
class Page:
    """Rows, and the query of the next page; empty if there is none."""

    rows: list[Row]
    after: dict[str, str]


def page(session: Session, wanted: PromptFilter, after: Mapping[str, str] | None = None, size: int = PAGE) -> Page:
    """Return the rows after the one that `after` names (`id`, and `priority` in the queue)."""
    found, cursor = find(session, wanted, after or {}, size)
    return Page(rows(session, [row.id for row in found]), cursor)


def find(
    session: Session, wanted: PromptFilter, after: Mapping[str, str], size: int, *values: ColumnElement[Any]
) -> tuple[Sequence[sqlalchemy.Row[Any]], dict[str, str]]:
    """Return the id, the priority and other values of prompts, in their order, and the place where others follow."""
    place = {name: int(after[name]) if after.get(name) else None for name in ("id", "priority")}
    if wanted.state == "queue" and (place["id"] is None) != (place["priority"] is None):
        raise Invalid(gettext("A place in the queue is named by after_id and after_priority together."))
    conditions = wanted.conditions(studio_settings.settings(session))
    found = select(Prompt.id, Prompt.priority, *values).where(*conditions)
    return (_served if wanted.state == "queue" else _newest)(session, found, place, size)


def count(session: Session, wanted: PromptFilter) -> int:
    """Count the prompts that match; at most `COUNTED` + 1 are counted."""
    conditions = wanted.conditions(studio_settings.settings(session))
    some = select(Prompt.id).where(*conditions).limit(COUNTED + 1).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def rows(session: Session, ids: Sequence[int]) -> list[Row]:
    """Return the prompts with these ids, in their order, with how far each has come."""
    return _rows(session, in_order(ids, session.scalars(select(Prompt).where(Prompt.id.in_(ids)))))


def change(session: Session, by: int, prompt_id: int, values: Mapping[str, Any], longest: int) -> Row:
    """Change one prompt: `priority`, `overlap`, `queued`, `gold`, `gold_wrong`; raises NotFound or Invalid."""
    read(PromptChange, values)
    with write_transaction(session):
        prompt = session.get(Prompt, prompt_id)
        if prompt is None:
            raise NotFound(gettext("There is no prompt %(id)s.", id=prompt_id))
        checked = prompts.check_row(
            prompts.PromptRow(
                0,
                prompt.text,
                values.get("priority", prompt.priority),
                values.get("gold", prompt.gold_answer),
                values.get("gold_wrong", None if values.get("gold", 1) in (None, "") else prompt.gold_wrong),
                values.get("overlap", prompt.overlap),
            ),
            max(longest, len(prompt.text)),
        )
        prompt.priority, prompt.overlap = checked.priority, checked.overlap
        prompt.gold_answer, prompt.gold_wrong = checked.gold, list(checked.gold_wrong) or None
        if "queued" in values:
            prompt.queued, prompt.retired_at = values["queued"], None
        session.flush()
        retirement.bring_back(session, studio_settings.settings(session), Prompt.id == prompt.id)
        audit.record(session, by, "prompt.changed", str(prompt.id), **{name: values[name] for name in sorted(values)})
        queue_progress.mark(session)
    return _rows(session, [prompt])[0]


def change_all(session: Session, by: int, wanted: PromptFilter, values: Mapping[str, Any]) -> int:
    """Change `priority`, `overlap` or `queued` of all that are meant, and return how many there were; raises Invalid.

    Neither checks nor what was typed at the desk are put into the queue by the way.
    """
    # What was typed at the desk never was in the queue, and a check that was withdrawn would be one again.
    never = [Prompt.gold_answer.is_(None), or_(Prompt.source != "typed", Prompt.retired_at.is_not(None))]
    conditions = wanted.conditions(studio_settings.settings(session))
    return _change(session, by, conditions + (never if values.get("queued") else []), values, wanted.as_query())


def change_some(session: Session, by: int, ids: Sequence[int], values: Mapping[str, Any]) -> int:
    """Change `priority`, `overlap` or `queued` of the prompts with these ids; return how many; raises Invalid."""
    return _change(session, by, [Prompt.id.in_(ids)], values, {"ids": list(ids)})


def _change(
    session: Session, by: int, meant: Sequence[ColumnElement[bool]], values: Mapping[str, Any], which: dict[str, Any]
) -> int:
    read(PromptsChange, values)
    new: dict[str, Any] = dict(values)
    if "priority" in values:
        new["priority"] = prompts.check_priority(values["priority"])
    said = dict(new)
    if "queued" in values:
        new["retired_at"] = None
    with write_transaction(session):
        changed = session.execute(
            update(Prompt)
            .where(Prompt.id.in_(select(Prompt.id).where(*meant)))
            .values(**new)
            .returning(Prompt.id)
            .execution_options(synchronize_session=False)
        )
        number = sum(1 for _ in changed)
        if "overlap" in new:
            retirement.bring_back(session, studio_settings.settings(session))
        audit.record(session, by, "prompts.changed", "prompts", which=which, to=said, prompts=number)
        queue_progress.mark(session)
    return number


def sources(session: Session, most: int = 100) -> list[str]:
    """Return the sources of prompts: the names of the latest imports, and what was typed at the desk."""
    if project_of(session) != FIRST:
        brought = [source for source in counts.sources(session) if source != TYPED]
        return [*brought[:most], TYPED]
    imports = session.scalars(
        select(AuditEvent.subject)
        .where(AuditEvent.action == "prompts.imported", AuditEvent.details["project"].as_string().is_(None))
        .group_by(AuditEvent.subject)
        .order_by(func.max(AuditEvent.id).desc())
        .limit(most)
    )
    return [*imports, TYPED]


def as_json(row: Row) -> dict[str, Any]:
    """Return one prompt as the API shows it; an `overlap` of null means the studio's."""
    prompt = row.prompt
    return {
        "id": prompt.id,
        "text": prompt.text,
        "turns": prompt.turns,
        "source": prompt.source,
        "queued": prompt.queued,
        "priority": prompt.priority,
        "overlap": prompt.overlap,
        "gold": prompt.gold_answer,
        "gold_wrong": prompt.gold_wrong,
        "metadata": prompt.metadata_,
        "judged_by": row.judges,
        "wanted": row.wanted,
        "state": row.state,
    }


def _served(
    session: Session, wanted: Select[Any], place: Mapping[str, int | None], size: int
) -> tuple[Sequence[sqlalchemy.Row[Any]], dict[str, str]]:
    """List the queue in its order, stretch by stretch, as no index has falling priorities and rising ids."""
    found: list[sqlalchemy.Row[Any]] = []
    for lowest, highest in stretches(session, place["priority"]):
        one_level = lowest == highest  # then the order is that of the index
        within = Prompt.priority == highest if one_level else Prompt.priority.between(lowest, highest)
        order = (Prompt.id,) if one_level else (Prompt.priority.desc(), Prompt.id)
        if highest == place["priority"]:
            after = Prompt.id > place["id"]
            within &= after if one_level else or_(Prompt.priority < highest, after)
        found += session.execute(wanted.where(within).order_by(*order).limit(size + 1 - len(found))).all()
        if len(found) > size:
            last = found[size - 1]
            return found[:size], {"id": str(last.id), "priority": str(last.priority)}
    return found, {}


def _newest(
    session: Session, wanted: Select[Any], place: Mapping[str, int | None], size: int
) -> tuple[Sequence[sqlalchemy.Row[Any]], dict[str, str]]:
    top = place["id"] if place["id"] is not None else (session.scalar(select(func.max(Prompt.id))) or 0) + 1
    bottom = max(0, top - SCANNED)
    found = session.execute(
        wanted.where(Prompt.id < top, Prompt.id >= bottom).order_by(Prompt.id.desc()).limit(size + 1)
    ).all()
    if len(found) > size:
        return found[:size], {"id": str(found[size - 1].id)}
    return found, {"id": str(bottom)} if bottom else {}


def _rows(session: Session, found: list[Prompt]) -> list[Row]:
    counts = counts_of(session, [prompt.id for prompt in found])
    decided = studio_settings.settings(session)
    return [
        Row(prompt, opinions, prompt.overlap or decided.overlap, skips >= decided.most_skips)
        for prompt in found
        for opinions, skips in [counts.get(prompt.id, (0, 0))]
    ]
