"""Asking for a forgetting, for the API and pages: stored first, then enqueued, as the queue may be away."""

from __future__ import annotations

from flask import current_app

from app.access import user_id
from app.context import mellow
from app.db import Forgetting
from app.domain_errors import Invalid
from app.extensions import db
from app.runtime import announcements
from app.services.training.rebuilds import forgetting_runs
from app.services.versions import forgetting
from app.services.versions.forgetting import Forgotten
from app.words import gettext


def request_forgetting(meant: Forgotten, target: int | None, serve: bool) -> tuple[Forgetting, bool]:
    """Ask for the runs of a forgetting, of the usual target unless one is given; returns it and whether it is new."""
    session = db.session()
    wanted = target or forgetting_runs.default_target(session, forgetting.learners(session, meant))
    if wanted is None:
        raise Invalid(gettext("No version learned from it, so there is nothing to make again."))
    row, is_new = forgetting_runs.request(session, user_id(), meant, wanted, serve)
    if not announcements.run_waits(mellow().queue, session):
        current_app.logger.warning("The queue is away: runs wait for it.")
    return row, is_new


def delete_old(forgetting_id: int, confirmed: object) -> list[int]:
    """Delete the versions that learned from what was forgotten; returns their numbers, or raises like the service."""
    numbers = forgetting_runs.delete_old(db.session(), mellow().store, user_id(), forgetting_id, confirmed)
    mellow().trial.forget()
    return numbers
