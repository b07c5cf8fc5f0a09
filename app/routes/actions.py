"""What the API and the pages do alike: store the deed first, then tell the queue, which may be away."""

from __future__ import annotations

from flask import current_app
from redis.exceptions import RedisError

from app.access import user_id
from app.context import mellow
from app.db import TrainingRun
from app.errors import Invalid
from app.extensions import db
from app.services import initial_training, runs, versions
from models.click_options import CLICK_OPTIONS, click_options
from models.errors import RecipeError
from models.recipe import DPORecipe
from models.uploads import UploadStore


def request_run(method: str, config: dict[str, object]) -> TrainingRun:
    """Store the wish for a run, then hand it to the queue; without a queue it waits for one."""
    if method == initial_training.METHOD:
        run, is_new = initial_training.request(db.session(), UploadStore(mellow().store.root), user_id(), config)
    else:
        try:
            _check(method, config)
        except RecipeError as error:
            raise Invalid(str(error)) from None
        run, is_new = runs.request(db.session(), user_id(), method, config)
    if is_new:
        try:
            runs.hand_out(db.session(), run.id, mellow().queue.enqueue_training)
        except RedisError:
            current_app.logger.warning("The queue is away: run %d waits for it.", run.id)
    return run


def _check(method: str, config: dict[str, object]) -> None:
    """Raise `RecipeError` for settings that `method` cannot be run with."""
    if method in CLICK_OPTIONS:
        click_options(method, config)
    elif method in runs.METHODS:
        DPORecipe.from_mapping(config)


def promote(number: int) -> None:
    """Move the alias and tell every web process; without a queue they see it at their next poll."""
    versions.promote(db.session(), number, user_id())
    try:
        mellow().queue.tell_alias_moved(number)
    except RedisError:
        current_app.logger.warning("The queue is away: the web processes will see version %d by polling.", number)
