"""The judgments that a training reads: those selected, all but some of these, or those that were read before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import ColumnElement, bindparam
from sqlalchemy.orm import Session

from app.db import Judgment
from app.services.training.selection import Selection, unhurried
from app.services.versions.forgetting import Forgotten


class Reading(Protocol):
    """Conditions on judgments; a `Selection` is one, too."""

    def conditions(self, last_judgment_id: int) -> list[ColumnElement[bool]]:
        """Return the conditions of the judgments up to that one that are read."""


@dataclass(frozen=True)
class Without:
    """The standing judgments of a selection, but for those that are forgotten."""

    selection: Selection
    forgotten: Forgotten

    def conditions(self, last_judgment_id: int) -> list[ColumnElement[bool]]:
        """Return their conditions."""
        return self.selection.conditions(last_judgment_id, self.forgotten.spared())


@dataclass(frozen=True)
class Exactly:
    """The judgments with these ids, also those that were undone since."""

    ids: Collection[int]

    def conditions(self, last_judgment_id: int) -> list[ColumnElement[bool]]:
        """Return their condition; as parts of the statement, since a database takes so many parameters only."""
        return [Judgment.id.in_(bindparam("ids", sorted(self.ids), expanding=True, literal_execute=True))]


def conditions(session: Session, reading: Reading, last_judgment_id: int) -> list[ColumnElement[bool]]:
    """Return the conditions of the judgments up to that one that teach something.

    Those that came too quickly do not, unless exactly these are read: what was read before is what is read again.
    """
    found = reading.conditions(last_judgment_id)
    return found if isinstance(reading, Exactly) else [*found, *unhurried(session)]
