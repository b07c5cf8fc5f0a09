"""Prompts that ship with Mellow, so that a new project has something to judge: mild rude texts, or instructions."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy.orm import Session

from app.db import ANSWERING, task_of, write_transaction
from app.services.prompts import prompts, queue_progress
from app.services.prompts.prompts import CheckedRow, ImportReport
from app.services.system import audit

SOURCE = "samples"
EXAMPLES = 3
"""The number of them that the desk offers to whoever has nothing to type."""
_TEXTS = Path(__file__).with_name("sample_texts.txt")
_INSTRUCTIONS = Path(__file__).with_name("sample_instructions.jsonl")


def texts() -> list[str]:
    """Return the sample texts of rewriting projects."""
    return _TEXTS.read_text(encoding="utf-8").splitlines()


def instructions() -> list[CheckedRow]:
    """Return the sample prompts of answering projects, some of them with turns."""
    lines = map(json.loads, _INSTRUCTIONS.read_text(encoding="utf-8").splitlines())
    return [CheckedRow(number, row["text"], turns=row.get("turns", [])) for number, row in enumerate(lines, start=1)]


def examples(session: Session) -> list[str]:
    """Return what the desk of the session's project offers to whoever has nothing to type."""
    return [row.text for row in _of_project(session) if not row.turns][:EXAMPLES]


def load(session: Session, by: int) -> ImportReport:
    """Queue the samples of the project's task; those that wait already, or were judged, stay as they are."""
    report = ImportReport()
    with write_transaction(session):
        prompts.store_batch(session, _of_project(session), SOURCE, report)
        if report.added:
            queue_progress.mark(session)
        audit.record(session, by, "prompts.imported", SOURCE, added=report.added, rejected=0)
    return report


def _of_project(session: Session) -> list[CheckedRow]:
    if task_of(session) == ANSWERING:
        return instructions()
    return [CheckedRow(*row) for row in enumerate(texts(), start=1)]
