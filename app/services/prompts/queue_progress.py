"""Each person's progress in the queue, remembered so that a look at it is short however much lies behind them.

Each process remembers for each person where in the order of the queue the first prompt stands that they have not had
and that wants a judgment. Judgments and screens that are added only move that place on. It moves back to a prompt that
was added or lost a judgment since, both of which are found through an index, and to the beginning when an admin has
changed prompts or settings, of which a mark in the database tells.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import Kept, Prompt
from app.services.system import counts, marks

_SLOWEST = timedelta(minutes=1)
"""No transaction that undoes a judgment is expected to take longer."""
_NEVER = datetime.min.replace(tzinfo=UTC)


class Place(NamedTuple):
    """A place in the order in which the queue is served: the highest priority and then the lowest id first."""

    falling_priority: int
    id: int

    @classmethod
    def of(cls, prompt: Prompt) -> Place:
        """Return the place of a prompt."""
        return cls(-prompt.priority, prompt.id)

    @property
    def priority(self) -> int:
        """Return the priority of the prompts at this place."""
        return -self.falling_priority


BEGINNING = Place(-sys.maxsize, 0)
END = Place(sys.maxsize, 0)


@dataclass(frozen=True)
class Seen:
    """State of the queue when a person's place was found.

    A prompt with an id above `newest`, or one that lost a judgment `undone_after` a moment, may stand before it.
    """

    rules: tuple[Any, ...]
    newest: int
    undone: tuple[Any, ...]

    @property
    def undone_after(self) -> datetime:
        """Return the moment after which judgments may have been undone unseen."""
        last: datetime | None = self.undone[1]
        return last - _SLOWEST if last else _NEVER


def mark(session: Session) -> None:
    """Note, last in the running transaction, that an admin has changed the queue or what is assigned of it."""
    marks.change(session, marks.QUEUE)


def marked(session: Session) -> Any:
    """Return the mark; another one than before says that an admin has changed the queue or what is assigned."""
    return marks.remembered(session, marks.QUEUE)


def look(session: Session, *rules: object) -> Seen:
    """Return what has happened so far, read before the queue is; `rules` are what decides beside the rows."""
    newest = session.scalar(select(func.max(Prompt.id))) or 0
    return Seen((marked(session), *rules), newest, counts.undone_stamp(session))


def known(session: Session, user_id: int) -> tuple[Seen, Place] | None:
    """Return the place that a person had come to, and what was seen then; None before their first look."""
    with _lock:
        return _kept.of(session).get(user_id)


def keep(session: Session, user_id: int, seen: Seen, place: Place) -> None:
    """Remember a person's place."""
    with _lock:
        _kept.of(session)[user_id] = (seen, place)


_kept: Kept[dict[int, tuple[Seen, Place]]] = Kept(dict)
_lock = threading.Lock()
