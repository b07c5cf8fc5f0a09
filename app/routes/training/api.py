"""The admin's API for training runs: bring data, ask, look, follow live, cancel."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from app.api.openapi_parts import FORM
from app.api.payload import json_object, run_json
from app.context import mellow
from app.db import TrainingRun
from app.errors import TooLarge
from app.extensions import db
from app.routes.training import actions, events
from app.routes.training.retrain_form import read, wish_of
from app.services.training import curves, initial_training, previews, runs
from models.formats.files.pair_columns import Columns
from models.store.uploads import UploadStore

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
    run = actions.request_run(wish_of(json_object()))
    return {"id": run.id, "status": run.status}, 202


@blueprint.post("/training-runs/preview")
def preview_run() -> ResponseReturnValue:
    """Say what such a run, or the one that the Retrain form asks for, would train on; nothing is stored."""
    wish = read(request.form) if request.mimetype == FORM else wish_of(json_object())
    return previews.preview(db.session(), wish).as_dict()


@blueprint.get("/training-runs")
def list_runs() -> ResponseReturnValue:
    """The latest runs, the newest first."""
    places = {run.id: place for place, run in enumerate(runs.queue(db.session()))}
    return [run_json(run, places.get(run.id)) for run in runs.page(db.session())]


@blueprint.get("/training-runs/<int:run_id>")
def get_run(run_id: int) -> ResponseReturnValue:
    """One run."""
    return _shown(runs.get(db.session(), run_id))


@blueprint.get("/training-runs/<int:run_id>/metrics")
def run_metrics(run_id: int) -> ResponseReturnValue:
    """The points of one metric of a run, and which metrics it has."""
    run = runs.get(db.session(), run_id)
    name = request.args.get("name", "loss")
    points = curves.points(db.session(), run_id, name)
    return {"run": run.id, "name": name, "names": curves.names(db.session(), [run_id]), "points": points}


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
    return _shown(actions.cancel_run(run_id)), 202


def _shown(run: TrainingRun) -> dict[str, Any]:
    return run_json(run, runs.position(db.session(), run))
