"""The admin pages of training: the first page with the Retrain form, runs, comparisons, initial training."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError
from werkzeug.datastructures import MultiDict

from app.api.payload import row_id, run_json
from app.context import mellow
from app.db import ANSWERING, TrainingRun, now, task_of
from app.domain_errors import Conflict, DomainError
from app.extensions import db
from app.routes import table_view
from app.routes.number_format import WORDS
from app.routes.table_view import Column, Table
from app.routes.training import who_clicked
from app.routes.training.actions import cancel_run, request_run
from app.routes.training.retrain_form import Form, filled_in, read
from app.runtime.queue import QueueTaken
from app.schemas.kinds import LARGEST_ID
from app.services.system import first_steps
from app.services.training import (
    comparisons,
    curves,
    initial_training,
    overview,
    preference_rows,
    previews,
    runs,
    setting_labels,
)
from app.services.training.by_itself import rule
from app.services.training.course import untaken
from app.services.training.course.phases import Phase
from app.services.training.course.progress import expected, progress
from app.services.training.previews import Preview
from app.services.training.reward import forecasts
from app.services.training.run_request import RunRequest, method_named
from app.services.training.selection import Selection
from app.services.versions import versions
from app.services.versions.live_comparison_report import latest_in_brief
from app.words import N_, gettext
from models.settings.options import current_names
from models.settings.sft import SFTRecipe

_LATEST_RUNS = 10
_RUNS = Table(
    "admin.all_runs",
    (
        Column("run", N_("Run"), always=True),
        Column("method", N_("Method")),
        Column("pairs", N_("Pairs"), number=True),
        Column("status", N_("Status")),
        Column("version", N_("Versions")),
        Column("created", N_("Created")),
    ),
    ("before",),
)

blueprint = Blueprint("admin", __name__, url_prefix="/admin")


@blueprint.get("")
def home() -> ResponseReturnValue:
    """Show counts, the queue of runs, the Retrain form, empty or filled in from an earlier run, and the latest runs."""
    form: Form = MultiDict()
    cloned = None
    if request.args.get("clone", "").isascii() and request.args.get("clone", "").isdigit():
        cloned = runs.get(db.session(), row_id(request.args["clone"]) or LARGEST_ID)
        if cloned.method == initial_training.METHOD:
            return redirect(url_for("admin.start", clone=cloned.id))
        form = filled_in(cloned, task_of(db.session()))
    return _home(form, cloned=cloned)


@blueprint.get("/queue")
def queue() -> ResponseReturnValue:
    """Render the part of the first page that shows the runs which wait or work."""
    return render_template("training/queue.html", **_queue(), **WORDS)


@blueprint.post("/runs")
def retrain() -> ResponseReturnValue:
    """Request a run from the Retrain form; a repeated request leads to the same run. A refused one stays in it."""
    try:
        run = request_run(read(request.form, task_of(db.session())))
    except DomainError as refusal:
        return _home(request.form, problem=str(refusal)), refusal.status
    return redirect(url_for("admin.run", run_id=run.id))


@blueprint.get("/runs")
def all_runs() -> ResponseReturnValue:
    """List every run, a page at a time."""
    session, view = db.session(), table_view.read(_RUNS)
    window = overview.runs_window(session, row_id(request.args.get("before")), view.sort)
    cut = view.cut(window)
    listed = overview.runs_listed(session, cut.ids)
    return render_template("training/runs.html", view=view, window=window, cut=cut, runs=listed)


@blueprint.get("/runs/compare")
def compare() -> ResponseReturnValue:
    """Show all metrics of several runs, and the settings in which they differ."""
    session = db.session()
    numbers = list(dict.fromkeys(filter(None, map(row_id, request.args.getlist("run")))))[: comparisons.MOST_RUNS]
    chosen = [runs.get(session, number) for number in numbers]
    names = curves.names(session, [run.id for run in chosen])
    return render_template(
        "training/compare.html",
        runs=chosen,
        names=names,
        labels=curves.LABELS,
        along=request.args.get("along", "step"),
        rows=comparisons.rows(session, chosen),
        others=[run for run in runs.page(session, limit=50) if run not in chosen],
        most=comparisons.MOST_RUNS,
    )


def _home(form: Form, problem: str | None = None, cloned: TrainingRun | None = None) -> str:
    session = db.session()
    counts, news = overview.counts(session), preference_rows.new_clicks(session)
    method, task = form.get("method", "dpo"), task_of(session)
    form_method = method if method in setting_labels.METHODS else "dpo"
    return render_template(
        "training/home.html",
        counts=counts,
        steps=first_steps.look(session),
        enough=first_steps.ENOUGH_JUDGMENTS,
        news=news,
        who=who_clicked.box(session, news.since_judgment, form.getlist("without")),
        form=form,
        form_method=form_method,
        problem=problem,
        cloned=cloned,
        preview=None if preference_rows.many(session) else _preview(form, form_method),
        ahead=forecasts.known(session),
        cases=forecasts.cases,
        outlook=rule.outlook(session, now()),
        answering=task == ANSWERING,
        methods=setting_labels.METHODS,
        settings={name: setting_labels.settings(name, task) for name in setting_labels.METHODS},
        shown_setting=setting_labels.shown,
        bounds_of=setting_labels.bounds_of,
        presets={name: setting_labels.presets(name, task) for name in setting_labels.METHODS},
        people=preference_rows.people(session),
        sources=preference_rows.sources(session),
        versions=[version for version in versions.all_versions(session) if version.deleted_at is None],
        serving=versions.serving_number(session),
        comparison=latest_in_brief(session),
        runs=runs.page(session, limit=_LATEST_RUNS),
        **_queue(),
        **WORDS,
    )


def _preview(form: Form, method: str) -> Preview:
    try:
        return previews.preview(db.session(), read(form, task_of(db.session())))
    except DomainError:  # the page shows the error of the form; the preview is that of the defaults
        return previews.preview(db.session(), RunRequest(method_named(method)))


def _queue() -> dict[str, Any]:
    problem, workers = None, 0
    try:
        mellow().queue.check()
        workers = len(mellow().queue.workers())
    except QueueTaken as taken:
        problem = gettext(str(taken))
    except RedisError:
        problem = gettext("The queue does not answer: runs wait until it does.")
    session = db.session()
    queue = runs.queue(session)
    return {
        "queue": queue,
        "courses": {run.id: progress(run, expected(session, run)) for run in queue},
        "in_words": previews.in_words,
        "workers": workers,
        "untaken": untaken.first(session),
        "untaken_queue": untaken.queue_of,
        "queue_problem": problem,
        "parts": mellow().parts(),
    }


@blueprint.get("/start")
def start() -> ResponseReturnValue:
    """Show the form of initial training: a model, data and settings; or filled in from an earlier run."""
    session = db.session()
    number = row_id(request.args.get("clone"))
    cloned = runs.get(session, number) if number else None
    if cloned is not None and cloned.method != initial_training.METHOD:
        return redirect(url_for("admin.home", clone=cloned.id))
    asked = current_names(cloned.config) if cloned else {}
    return render_template(
        "training/start.html",
        cloned=cloned,
        asked=asked,
        waiting=len(runs.queue(session)),
        versions=[version for version in versions.all_versions(session) if version.deleted_at is None],
        settings=SFTRecipe.offered(),
        values=SFTRecipe().as_dict() | asked,
        limit=initial_training.LARGEST_UPLOAD,
    )


@blueprint.get("/runs/<int:run_id>")
def run(run_id: int) -> ResponseReturnValue:
    """Show one run, live."""
    row = runs.get(db.session(), run_id)
    serving = versions.serving_number(db.session())
    return render_template(
        "training/run.html",
        run=row,
        state=run_json(row, runs.position(db.session(), row), expected(db.session(), row)),
        phases=list(Phase),
        serving=serving,
        charts=curves.CHARTS.get(row.method, curves.CHARTS["dpo"]),
        selection=Selection.parse(row.selection).describe(),
        **WORDS,
    )


@blueprint.post("/runs/<int:run_id>/cancel")
def cancel(run_id: int) -> ResponseReturnValue:
    """Cancel a run."""
    try:
        cancel_run(run_id)
    except Conflict as refusal:
        flash(str(refusal), "warning")
    if request.form.get("back") == "queue":
        return redirect(url_for("admin.home"))
    return redirect(url_for("admin.run", run_id=run_id))
