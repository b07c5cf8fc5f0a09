"""Promoting a version, for the API and pages: stored first, then announced, as the queue may be away."""

from __future__ import annotations

from flask import current_app

from app.access import user_id
from app.context import mellow
from app.extensions import db
from app.runtime import announcements
from app.services.versions import versions


def promote(number: int) -> None:
    """Move the alias and tell every web process; if the queue is away they see it at their next poll."""
    versions.promote(db.session(), number, user_id())
    if not announcements.alias_moved(mellow().queue, number):
        current_app.logger.warning("The queue is away: the web processes will see version %d by polling.", number)
