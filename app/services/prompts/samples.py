"""Fifty mild rude texts that ship with Mellow, so that a new studio has something to judge."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from app.db import write_transaction
from app.services.prompts import prompts, queue_progress
from app.services.prompts.prompts import CheckedRow, ImportReport
from app.services.system import audit

SOURCE = "samples"
EXAMPLES = 3
"""The number of them that the desk offers to whoever has nothing to type."""
_FILE = Path(__file__).with_name("sample_texts.txt")


def texts() -> list[str]:
    """Return the sample texts."""
    return _FILE.read_text(encoding="utf-8").splitlines()


def load(session: Session, by: int) -> ImportReport:
    """Queue the sample texts; those that wait already, or were judged, stay as they are."""
    report = ImportReport()
    with write_transaction(session):
        prompts.store_batch(session, [CheckedRow(*row) for row in enumerate(texts(), start=1)], SOURCE, report)
        if report.added:
            queue_progress.mark(session)
        audit.record(session, by, "prompts.imported", SOURCE, added=report.added, rejected=0)
    return report
