"""The request of a run by nobody, when the rule says that one is due."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.db import TrainingRun
from app.services.training import runs
from app.services.training.by_itself import rule

METHOD = "dpo"
"""A run that begins by itself learns with this method and its defaults, from all clicks and the live version."""


def begin(session: Session, at: datetime) -> TrainingRun | None:
    """Request a run if one is due at that time; returns it, or None. Raises a DomainError if it is refused.

    Several web processes may do so at once: equal requests yield one run, and one that was decided before the last run
    was requested is refused.
    """
    found = rule.outlook(session, at)
    if found is None or found.occasion is None:
        return None
    run, is_new = runs.request(session, None, METHOD, {}, occasion=found.occasion)
    return run if is_new else None
