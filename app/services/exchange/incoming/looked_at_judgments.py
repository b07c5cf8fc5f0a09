"""The judgments of a file that is only looked at, counted as an import would store them, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.services.exchange import imported_judgments
from app.services.exchange.imported_judgments import JudgedRow, Said
from app.services.prompts.prompts import ImportReport


@dataclass(slots=True)
class LookedAtJudgments:
    """The judgments so far: `number` counts those that can be used, `known` those of them that are not new.

    The report says which contradict one that is here, or one of the batches before.
    """

    session: Session
    report: ImportReport
    number: int = 0
    known: int = 0
    people: set[str] = field(default_factory=set)
    _new: dict[str, Said] = field(default_factory=dict)

    def add(self, batch: Sequence[JudgedRow]) -> None:
        """Count the judgments that a batch of the import would take over."""
        here = imported_judgments.of_project(self.session, batch)
        usable = [row for row in imported_judgments.uncontradicted(self.session, here, self.report) if self._fits(row)]
        known = imported_judgments.known_keys(self.session, usable)
        new = {
            row.key: Said.by_row(row) for row in reversed(usable) if row.key not in known and row.key not in self._new
        }
        self._new |= new
        self.number += len(usable)
        self.known += len(usable) - len(new)
        self.people |= {row.origin.person for row in usable if row.origin.person}

    def _fits(self, row: JudgedRow) -> bool:
        """Tell whether the batches before say nothing else of the same judgment; else the report says so."""
        earlier = self._new.get(row.key) if row.origin.key else None
        if earlier is None or earlier.has(row):
            return True
        self.report.leave_out(row.line, earlier.reason_against(row, of_this_file=True))
        return False
