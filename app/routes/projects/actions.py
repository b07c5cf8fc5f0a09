"""Creating a project, for the API and the page: stored first, then announced, as the queue may be away."""

from __future__ import annotations

from flask import current_app

from app.access import user_id
from app.context import mellow
from app.db import Project
from app.domain_errors import Conflict
from app.extensions import db
from app.runtime import announcements
from app.services.projects import creation
from app.services.projects.creation import Beginning
from app.services.projects.projects import Text
from app.words import gettext
from models.model_errors import StoreAway, StoreError


def create(slug: str, text: Text, task: str, copy_of: int | None) -> Project:
    """Create a project and tell every web process of its version; raises as the service does, and Conflict."""
    settings = mellow().settings
    beginning = Beginning(task, copy_of, settings.chat_model, settings.chat_server, settings.chat_server_model)
    try:
        project, number = creation.create(db.session(), mellow().store, user_id(), slug, text, beginning)
    except StoreAway:
        raise
    except StoreError as error:
        raise Conflict(gettext("The first version cannot be stored: %(error)s", error=error)) from None
    if not announcements.alias_moved(mellow().queue, number):
        current_app.logger.warning("The queue is away: the web processes will see version %d by polling.", number)
    return project
