"""Promoting a version, for the API and pages: stored first, then announced, as the queue may be away."""

from __future__ import annotations

from flask import current_app

from app.access import user_id
from app.context import mellow
from app.domain_errors import Conflict
from app.extensions import db
from app.runtime import announcements
from app.services.versions import versions
from app.words import gettext
from models.model_errors import StoreError


def promote(number: int) -> None:
    """Move the alias and tell every web process; if the queue is away they see it at their next poll."""
    session = db.session()
    recorded = versions.usable(session, number).sha256
    session.rollback()  # hashing takes as long as the files are large, which no transaction should
    try:
        manifest = mellow().store.verify(number)
    except StoreError as error:
        raise Conflict(
            gettext("Version %(number)s cannot be made live: %(error)s", number=number, error=error)
        ) from None
    if manifest.sha256 != recorded:
        raise Conflict(
            gettext(
                "Version %(number)s cannot be made live: the store holds another one than was published here.",
                number=number,
            )
        )
    versions.promote(session, number, user_id())
    if not announcements.alias_moved(mellow().queue, number):
        current_app.logger.warning("The queue is away: the web processes will see version %d by polling.", number)
