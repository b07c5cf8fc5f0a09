"""The admin's room: figures, runs, versions, people."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError

from app.access import user_id
from app.context import mellow
from app.db import Role, TrainingRun
from app.errors import Conflict, DomainError, Invalid
from app.extensions import db
from app.routes.actions import promote, request_run
from app.routes.payload import run_json
from app.services import accounts, evaluations, exports, initial_training, overview, runs, versions
from models.errors import StoreError
from models.recipe import SCHEDULERS
from models.sft_recipe import DEV_METRICS, OPTIMIZERS, SFT_BOUNDS, SFTRecipe

_CHARTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "dpo": (("loss", "Loss"), ("rewards/margins", "Reward margin")),
    "orpo": (
        ("loss", "Loss"),
        ("rewards/margins", "Reward margin"),
        ("log_odds_chosen", "Log-odds of the chosen"),
    ),
    "kto": (
        ("loss", "Loss"),
        ("rewards/chosen", "Reward of good texts"),
        ("rewards/rejected", "Reward of bad texts"),
    ),
    "sft": (
        ("loss", "Training loss"),
        ("dev_loss", "Loss on held-out pairs"),
        ("dev_chrf", "chrF on held-out sources"),
    ),
}
"""What a run's page draws, by the run's method: the name of a metric, and what it is called there."""

blueprint = Blueprint("admin", __name__, url_prefix="/admin")


@blueprint.get("")
def home() -> ResponseReturnValue:
    """Counts, Retrain, the latest runs, the versions, and what each web process serves."""
    try:
        processes, workers, queue_problem = mellow().queue.reports(), mellow().queue.workers(), None
    except RedisError:
        processes, workers, queue_problem = {}, [], "The queue does not answer: runs wait until it does."
    return render_template(
        "admin/home.html",
        counts=overview.counts(db.session()),
        active_run=runs.active(db.session()),
        runs=runs.all_runs(db.session(), limit=20),
        versions=versions.all_versions(db.session()),
        serving=versions.serving_number(db.session()),
        presets=runs.PRESETS,
        formats=exports.FORMATS,
        processes=processes,
        workers=workers,
        queue_problem=queue_problem,
    )


@blueprint.post("/runs")
def retrain() -> ResponseReturnValue:
    """The Retrain button; pressed twice it leads to the one run."""
    method, preset = request.form.get("method", "dpo"), request.form.get("preset", "default")
    try:
        run = request_run(method, {"preset": preset} if method == "dpo" and preset != "default" else {})
    except Conflict as refusal:
        flash(str(refusal), "warning")
        active = runs.active(db.session())
        return redirect(url_for("admin.run", run_id=active.id) if active else url_for("admin.home"))
    except Invalid as refusal:
        flash(str(refusal), "warning")
        return redirect(url_for("admin.home"))
    return redirect(url_for("admin.run", run_id=run.id))


@blueprint.get("/start")
def start() -> ResponseReturnValue:
    """Initial training: choose a model and data, see what the data holds, start."""
    return render_template(
        "admin/start.html",
        active_run=runs.active(db.session()),
        versions=versions.all_versions(db.session()),
        defaults=SFTRecipe(),
        bounds=SFT_BOUNDS,
        optimizers=OPTIMIZERS,
        schedulers=SCHEDULERS,
        dev_metrics=DEV_METRICS,
        limit=initial_training.LARGEST_UPLOAD,
    )


@blueprint.get("/runs/<int:run_id>")
def run(run_id: int) -> ResponseReturnValue:
    """One run, live."""
    row = runs.get(db.session(), run_id)
    serving = versions.serving_number(db.session())
    charts = _CHARTS.get(row.method, _CHARTS["dpo"])
    return render_template("admin/run.html", run=row, state=run_json(row), serving=serving, charts=charts)


@blueprint.post("/runs/<int:run_id>/cancel")
def cancel(run_id: int) -> ResponseReturnValue:
    """Stop a run."""
    try:
        runs.cancel(db.session(), run_id, user_id())
    except Conflict as refusal:
        flash(str(refusal), "warning")
    return redirect(url_for("admin.run", run_id=run_id))


@blueprint.get("/versions/<int:number>")
def version(number: int) -> ResponseReturnValue:
    """One version: where it comes from, and how good it is."""
    session = db.session()
    row = versions.get(session, number)
    manifest, problem = None, None
    try:
        manifest = mellow().store.manifest(number)
    except StoreError as error:
        problem = str(error)
    return render_template(
        "admin/version.html",
        version=row,
        serving=versions.serving_number(session),
        run=session.get(TrainingRun, row.run_id) if row.run_id else None,
        manifest=manifest,
        manifest_problem=problem,
        evaluation=evaluations.of(session, row),
    )


@blueprint.post("/versions/<int:number>/promote")
def promote_version(number: int) -> ResponseReturnValue:
    """Let a version serve: promote or roll back."""
    promote(number)
    flash(f"Version {number} serves from now on.", "success")
    return redirect(url_for("admin.home"))


@blueprint.get("/people")
def people() -> ResponseReturnValue:
    """Everyone with an account, and the form to add one."""
    return render_template("admin/people.html", people=accounts.people(db.session()), roles=list(Role), form={})


@blueprint.post("/people")
def add_person() -> ResponseReturnValue:
    """Add a person."""
    form = request.form
    try:
        user = accounts.add_user(
            db.session(),
            user_id(),
            form.get("email", ""),
            form.get("password", ""),
            form.get("role", ""),
            form.get("name", ""),
        )
    except DomainError as refusal:
        page = render_template(
            "admin/people.html",
            people=accounts.people(db.session()),
            roles=list(Role),
            form=form,
            problem=str(refusal),
        )
        return page, refusal.status
    flash(f"{user.email} may sign in now.", "success")
    return redirect(url_for("admin.people"))


@blueprint.post("/people/<int:person_id>/active")
def set_active(person_id: int) -> ResponseReturnValue:
    """Let a person in, or keep them out."""
    active = request.form.get("active") == "yes"
    try:
        person = accounts.set_active(db.session(), user_id(), person_id, active)
    except Conflict as refusal:
        flash(str(refusal), "warning")
    else:
        flash(f"{person.email} may {'sign in again' if active else 'no longer sign in'}.", "success")
    return redirect(url_for("admin.people"))
