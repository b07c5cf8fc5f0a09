"""The admin's API for training runs: bring data, ask, look, follow live, cancel."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from app.api.operations import FORM, gives, operation, sent_body
from app.api.payload import run_json
from app.api.training import (
    CurveQuery,
    Dataset,
    DatasetQuery,
    EventsQuery,
    RetrainForm,
    Run,
    RunCurve,
    RunCurves,
    RunPreview,
    RunReceipt,
)
from app.context import mellow
from app.db import TrainingRun, task_of
from app.extensions import db
from app.routes.training import actions, events
from app.routes.training.retrain_form import read
from app.services.training import curves, initial_training, previews, runs
from app.services.training.course.progress import expected
from app.services.training.run_request import PreviewRequest, RunRequest
from models.formats.files.pair_columns import Columns

blueprint = Blueprint("api_runs", __name__)


@blueprint.post("/datasets")
@operation(
    f"Keep pairs for initial training, at most {initial_training.LARGEST_UPLOAD // 1024**2} MB, and say what is in "
    "them. Rows that cannot be used are listed and left out",
    gives("What was found; sha256 names the data from now on.", Dataset, status=201),
    query=DatasetQuery,
    media=dict.fromkeys(initial_training.CONTENT_TYPES, str),
    refusals=(400, 413),
)
def create_dataset(query: DatasetQuery) -> ResponseReturnValue:
    """Keep pairs for initial training, and say what is in them."""
    columns = Columns(query.source_column, query.target_column)
    uploads = mellow().store.uploads
    body = sent_body(initial_training.LARGEST_UPLOAD)
    return initial_training.add_dataset(db.session(), uploads, body, request.mimetype, columns), 201


@blueprint.post("/training-runs")
@operation(
    "Train: dpo, orpo and kto learn from the clicks, sft from uploaded pairs. Runs are carried out one after the "
    "other; the same request while its run is active yields that run",
    gives("The run that will do it.", RunReceipt, status=202),
    body=RunRequest,
    refusals=(404, 409),
)
def create_run(body: RunRequest) -> ResponseReturnValue:
    """Ask for a training run; asking again while the same run is active yields that run."""
    run = actions.request_run(body)
    return {"id": run.id, "status": run.status}, 202


@blueprint.post("/training-runs/preview")
@operation(
    "What a run on clicks would train on, and how long it would take. Nothing is stored",
    gives("The amount, and two sentences about it.", RunPreview),
    body=PreviewRequest,
    media={FORM: RetrainForm},
    refusals=(404,),
)
def preview_run(body: PreviewRequest | None) -> ResponseReturnValue:
    """Say what such a run, or the one that the Retrain form asks for, would train on; nothing is stored."""
    asked = read(request.form, task_of(db.session())) if body is None else body
    return previews.preview(db.session(), asked).as_dict()


@blueprint.get("/training-runs")
@operation("The latest runs, the newest first", gives("Runs.", list[Run]))
def list_runs() -> ResponseReturnValue:
    """The latest runs, the newest first."""
    places = runs.places(db.session())
    return [run_json(run, places.get(run.id), expected(db.session(), run)) for run in runs.page(db.session())]


@blueprint.get("/training-runs/<int:run_id>")
@operation("One run", gives("The run.", Run))
def get_run(run_id: int) -> ResponseReturnValue:
    """One run."""
    return _shown(runs.get(db.session(), run_id))


@blueprint.get("/training-runs/<int:run_id>/metrics")
@operation(
    "The points of one metric of a run, at most 1,000 of them, and which metrics it has",
    gives("The points.", RunCurve),
    query=CurveQuery,
)
def run_metrics(run_id: int, query: CurveQuery) -> ResponseReturnValue:
    """The points of one metric of a run, and which metrics it has."""
    run = runs.get(db.session(), run_id)
    points = curves.points(db.session(), run_id, query.name)
    return {"run": run.id, "name": query.name, "names": curves.names(db.session(), [run_id]), "points": points}


@blueprint.get("/training-runs/<int:run_id>/curves")
@operation("All metrics of a run, at most 300 points of each", gives("The points.", RunCurves))
def run_curves(run_id: int) -> ResponseReturnValue:
    """All metrics of a run."""
    run = runs.get(db.session(), run_id)
    found = curves.of_run(db.session(), run_id)
    return {"run": run.id, "last": found.last, "curves": found.points}


@blueprint.get("/training-runs/<int:run_id>/events")
@operation(
    "A run, live, as server-sent events: run, metric, log, end",
    gives("The stream; Last-Event-ID resumes it.", str, media="text/event-stream"),
    query=EventsQuery,
)
def run_events(run_id: int, query: EventsQuery) -> ResponseReturnValue:
    """The run's state, metrics and log as server-sent events, from the beginning or after Last-Event-ID."""
    runs.get(db.session(), run_id)
    db.session.rollback()  # a stream must not hold the request's transaction for hours
    last_id = request.headers.get("Last-Event-ID", "")
    after = int(last_id) if re.fullmatch("[0-9]{1,18}", last_id) else query.after
    stream = events.stream(mellow().sessions, run_id, after, mellow().streams)
    return Response(stream, content_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@blueprint.post("/training-runs/<int:run_id>/cancel")
@operation(
    "Stop a run, at once if it waits and within seconds if it works",
    gives("The run.", Run, status=202),
    refusals=(409,),
)
def cancel_run(run_id: int) -> ResponseReturnValue:
    """Stop a run that waits or works."""
    return _shown(actions.cancel_run(run_id)), 202


def _shown(run: TrainingRun) -> dict[str, Any]:
    return run_json(run, runs.position(db.session(), run), expected(db.session(), run))
