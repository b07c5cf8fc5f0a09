"""Requesting and cancelling runs, for the API and pages: stored first, then enqueued, as the queue may be away."""

from __future__ import annotations

from contextlib import suppress

from flask import current_app
from redis.exceptions import RedisError

from app.access import user_id
from app.context import mellow
from app.db import TrainingRun
from app.domain_errors import Invalid
from app.extensions import db
from app.runtime import announcements
from app.services.training import initial_training, runs
from app.services.training.run_request import RunRequest
from app.services.training.selection import EVERYTHING
from app.words import gettext


def request_run(asked: RunRequest) -> TrainingRun:
    """Store the request for a run, then enqueue it if it is the first; if the queue is away the run waits."""
    session = db.session()
    if asked.method == initial_training.METHOD:
        if asked.selection != EVERYTHING or asked.parent_version is not None:
            raise Invalid(
                gettext("selection and parent_version are for runs on clicks; sft takes `version` in its config.")
            )
        uploads = mellow().store.uploads
        run, is_new = initial_training.request(session, uploads, user_id(), asked.config)
    else:
        run, is_new = runs.request(
            session, user_id(), asked.method, asked.config, asked.selection, asked.parent_version
        )
    if is_new:
        _hand_out_next()
    return run


def cancel_run(run_id: int) -> TrainingRun:
    """Cancel a run, and enqueue the next one if that was the first of the queue."""
    run = runs.cancel(db.session(), run_id, user_id())
    if not run.active:
        if run.job_id is not None:
            with suppress(RedisError):  # a worker that takes the job does nothing
                mellow().queue.forget(run.job_id)
        _hand_out_next()
    return run


def _hand_out_next() -> None:
    if not announcements.run_waits(mellow().queue, db.session()):
        current_app.logger.warning("The queue is away: runs wait for it.")
