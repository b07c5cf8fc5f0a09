"""The admin pages of versions: lineage, evaluations, promotion, notes, deletion."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.context import mellow
from app.db import ANSWERING, TrainingRun, Version, now, task_of
from app.domain_errors import Conflict, Invalid
from app.extensions import db
from app.routes import table_view
from app.routes.versions import beside
from app.routes.versions.actions import promote as make_live
from app.routes.versions.drawing import draw
from app.routes.versions.elsewhere import address_in
from app.schemas.windows import Window
from app.services.training.rebuilds import forgetting_runs
from app.services.versions import evaluations, learned, lineage, timeline, versions
from app.services.versions.live_comparison_report import latest_in_brief
from app.words import gettext
from models.model_errors import StoreError
from models.settings.options import current_names

blueprint = Blueprint("versions", __name__, url_prefix="/admin/versions")

MOST_COMPARED = 8
LIST = table_view.Table("versions.page", columns=(), place=())
SHOWN_PERIODS = 30
DRAWN_PERIODS = 12


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show the lineage, a page of the versions, when each was live, chosen ones side by side, and two to try."""
    session = db.session()
    everything = versions.all_versions(session)
    usable = [version for version in everything if version.deleted_at is None]
    serving = versions.serving_number(session)
    chosen = _chosen(everything)
    periods = timeline.periods(session)
    view, window = table_view.read(LIST), Window([(version.number, None) for version in everything], further={})
    cut = view.cut(window)
    listed = everything[cut.first - 1 :][: len(cut.ids)]
    return render_template(
        "versions/page.html",
        versions=listed,
        view=view,
        window=window,
        cut=cut,
        drawing=draw(lineage.graph(everything), serving, {period.number for period in periods}),
        lost={number for number, lost in learned.by_version(session).items() if lost.number},
        forgettings=[state for state in forgetting_runs.every(session) if state.active],
        serving=serving,
        comparison=latest_in_brief(session),
        evaluations={version.number: evaluations.of(session, version) for version in listed},
        usable=usable,
        compared=chosen,
        tables=evaluations.side_by_side(session, chosen) if chosen else None,
        tried=_tried(usable, serving),
        timeline=timeline.timeline(periods[:DRAWN_PERIODS], now()),
        periods=periods[:SHOWN_PERIODS],
        longest=mellow().longest_text,
    )


@blueprint.get("/<int:number>")
def version(number: int) -> ResponseReturnValue:
    """Show one version: what people liked, its rewrites beside another's, its figures and its origin."""
    return _version_page(number)


def _version_page(number: int, typed: str | None = None) -> str:
    """Render the page of a version, with its note or with what was typed for one."""
    session = db.session()
    row = versions.get(session, number)
    manifest, problem = None, None
    if row.deleted_at is None:
        try:
            manifest = mellow().store.manifest(number)
        except StoreError as error:
            problem = str(error)
    return render_template(
        "versions/version.html",
        version=row,
        parent_address=_address_of(row.parent_number) if row.parent_number else None,
        serving=versions.serving_number(session),
        run=session.get(TrainingRun, row.run_id) if row.run_id else None,
        manifest=manifest,
        manifest_problem=problem,
        config=current_names(manifest.config) if manifest else {},
        evaluation=evaluations.of(session, row),
        answering=task_of(session) == ANSWERING,
        labels=evaluations.LABELS,
        comparison=latest_in_brief(session, number),
        lost=learned.lost(session, number),
        periods=timeline.periods(session, number),
        beside=beside.asked_for(session, row),
        longest_note=versions.LONGEST_NOTE,
        note=row.note if typed is None else typed,
    )


@blueprint.post("/<int:number>/promote")
def promote(number: int) -> ResponseReturnValue:
    """Make a version live: promote it or roll back to it."""
    try:
        make_live(number)
    except Conflict as refusal:
        flash(str(refusal), "warning")
    else:
        flash(gettext("Version %(number)s is live from now on.", number=number), "success")
    return redirect(url_for("versions.page"))


@blueprint.post("/<int:number>/note")
def note(number: int) -> ResponseReturnValue:
    """Store the note of a version."""
    typed = request.form.get("note", "").replace("\r\n", "\n")  # browsers send line ends as CRLF
    try:
        versions.set_note(db.session(), user_id(), number, typed)
    except Invalid as refusal:
        flash(str(refusal), "warning")
        return _version_page(number, typed), refusal.status
    flash(gettext("The note is saved."), "success")
    return redirect(url_for("versions.version", number=number))


@blueprint.post("/<int:number>/delete")
def delete(number: int) -> ResponseReturnValue:
    """Delete a version's files, if its number was typed to confirm."""
    try:
        versions.delete(db.session(), mellow().store, user_id(), number, request.form.get("confirm", ""))
    except (Conflict, Invalid) as refusal:
        flash(str(refusal), "warning")
        return redirect(url_for("versions.version", number=number))
    except (StoreError, OSError) as error:
        said = gettext(
            "Version %(number)s is marked as deleted, but its files could not be removed: %(error)s",
            number=number,
            error=error,
        )
        flash(said, "warning")
        return redirect(url_for("versions.version", number=number))
    mellow().trial.forget()
    flash(gettext("Version %(number)s is deleted.", number=number), "success")
    return redirect(url_for("versions.page"))


def _address_of(number: int) -> str | None:
    """Return the path of a version's page in its project, from which this one may have a copy of it; None without."""
    project = versions.project_of_version(db.session(), number)
    return address_in(project, "versions.version", number=number) if project is not None else None


def _chosen(everything: list[Version]) -> list[Version]:
    """Return the versions to compare, in the order of their numbers; unknown ones are left out."""
    wanted = set(request.args.getlist("compare", type=int)[:MOST_COMPARED])
    return sorted((version for version in everything if version.number in wanted), key=lambda version: version.number)


def _tried(usable: list[Version], serving: int | None) -> tuple[int | None, int | None]:
    """Return the two versions that the trial begins with: the newest that is not live, and the live one."""
    other = next((version.number for version in usable if version.number != serving), serving)
    return other, serving
