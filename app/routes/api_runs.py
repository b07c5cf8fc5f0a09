"""The admin's API for training runs: bring data, ask, look, follow live, cancel."""

from __future__ import annotations

import re

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.context import mellow
from app.errors import Invalid, TooLarge
from app.extensions import db
from app.routes import events
from app.routes.actions import request_run
from app.routes.payload import json_object, run_json
from app.services import initial_training, runs
from models.pair_columns import Columns
from models.uploads import UploadStore

blueprint = Blueprint("api_runs", __name__)


@blueprint.post("/datasets")
def create_dataset() -> ResponseReturnValue:
    """Keep pairs for initial training, and say what is in them."""
    if request.content_length is not None and request.content_length > initial_training.LARGEST_UPLOAD:
        raise TooLarge(f"The file has more than the {initial_training.LARGEST_UPLOAD // 1024**2} MB accepted at once.")
    columns = Columns(request.args.get("source_column", ""), request.args.get("target_column", ""))
    uploads = UploadStore(mellow().store.root)
    return initial_training.add_dataset(db.session(), uploads, request.get_data(), request.mimetype, columns), 201


@blueprint.post("/training-runs")
def create_run() -> ResponseReturnValue:
    """Ask for a training run; asking again while the same run is active yields that run."""
    body = json_object()
    unknown = set(body) - {"method", "config"}
    if unknown:
        raise Invalid(f"There is no field {min(unknown)!r} in a training run.")
    config = body.get("config", {})
    if not isinstance(config, dict):
        raise Invalid("config must be an object.")
    run = request_run(str(body.get("method")), config)
    return {"id": run.id, "status": run.status}, 202


@blueprint.get("/training-runs")
def list_runs() -> ResponseReturnValue:
    """The latest runs, the newest first."""
    return [run_json(run) for run in runs.all_runs(db.session())]


@blueprint.get("/training-runs/<int:run_id>")
def get_run(run_id: int) -> ResponseReturnValue:
    """One run."""
    return run_json(runs.get(db.session(), run_id))


@blueprint.get("/training-runs/<int:run_id>/events")
def run_events(run_id: int) -> ResponseReturnValue:
    """The run's state, metrics and log as server-sent events, from the beginning or after Last-Event-ID."""
    runs.get(db.session(), run_id)
    db.session.rollback()  # a stream must not hold the request's transaction for hours
    last_id = request.headers.get("Last-Event-ID", "0")
    after = int(last_id) if re.fullmatch("[0-9]{1,18}", last_id) else 0
    stream = events.follow_run(mellow().sessions, run_id, after)
    return Response(stream, content_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@blueprint.post("/training-runs/<int:run_id>/cancel")
def cancel_run(run_id: int) -> ResponseReturnValue:
    """Stop a run that waits or works."""
    return run_json(runs.cancel(db.session(), run_id, user_id())), 202
