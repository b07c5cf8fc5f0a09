"""The admin pages of data: import, judgments, exports."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.payload import row_id
from app.domain_errors import Invalid
from app.extensions import db
from app.routes import table_view
from app.routes.table_view import Column, Table
from app.schemas.reading import read_form
from app.services.exchange import exports, judged_screens, judgment_search
from app.services.exchange.incoming import history
from app.services.exchange.judgment_search import JudgmentFilter, JudgmentPageQuery
from app.services.exchange.outgoing import report as outgoing
from app.services.exchange.outgoing.report import ReportQuery
from app.services.exchange.rows import LAYOUTS
from app.services.exchange.uploads import LARGEST_FILE
from app.services.prompts import search, studio_settings
from app.services.prompts.prompts import MOST_OVERLAP, MOST_PRIORITY
from app.services.training import overview
from app.services.versions import versions
from app.words import N_, ngettext, number
from models.texts.personal_details import KINDS

_JUDGMENTS = Table(
    "data.judgments",
    (
        Column("verdict", N_("Verdict")),
        Column("text", N_("Text"), always=True),
        Column("best", N_("Best"), sorts=False),
        Column("person", N_("Person")),
        Column("time", N_("Time")),
        Column("seconds", N_("Seconds"), number=True),
        Column("source", N_("Source"), usual=False),
    ),
    ("before",),
)

blueprint = Blueprint("data", __name__, url_prefix="/admin/data")


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show the forms for importing files and exporting judgments."""
    return render_template(
        "exchange/import.html",
        past=history.page(db.session(), row_id(request.args.get("before"))),
        counts=overview.counts(db.session()),
        studio=studio_settings.settings(db.session()),
        layouts=LAYOUTS,
        formats=exports.FORMATS,
        limit=LARGEST_FILE,
        most_overlap=MOST_OVERLAP,
        most_priority=MOST_PRIORITY,
    )


@blueprint.post("/imports/<int:import_id>/undo")
def undo_import(import_id: int) -> ResponseReturnValue:
    """Take a whole import back."""
    undone = history.undo(db.session(), user_id(), import_id)
    prompts, withdrawn, judged = map(number, (undone.prompts, undone.judgments, undone.judged))
    said = [
        ngettext(
            "%(number)s prompt left the queue", "%(number)s prompts left the queue", undone.prompts, number=prompts
        ),
        ngettext(
            "%(number)s judgment was withdrawn",
            "%(number)s judgments were withdrawn",
            undone.judgments,
            number=withdrawn,
        ),
    ]
    if undone.judged:
        said.append(
            ngettext(
                "%(number)s of its texts has judgments that stay",
                "%(number)s of its texts have judgments that stay",
                undone.judged,
                number=judged,
            )
        )
    flash(f"{'; '.join(said)}.", "success")
    return redirect(url_for("data.page"))


@blueprint.get("/judgments")
def judgments() -> ResponseReturnValue:
    """Show all judgments, searched and filtered, with exports of those found."""
    session, view = db.session(), table_view.read(_JUDGMENTS)
    problem = view.problem
    try:
        query = read_form(JudgmentPageQuery, request.args)
        wanted, before = JudgmentFilter.of(query), query.before
    except Invalid as refusal:
        problem, wanted, before = str(refusal), JudgmentFilter(), None
    window = judgment_search.window(session, wanted, before, view.sort)
    cut = view.cut(window)
    found = judgment_search.load(session, cut.ids)
    return render_template(
        "exchange/judgments.html",
        wanted=wanted,
        query=wanted.as_query(),
        view=view,
        window=window,
        cut=cut,
        judgments=found,
        names=judgment_search.names(session, found),
        person_of=judgment_search.person_of,
        best_of=judgment_search.best_of,
        right=judgment_search.right,
        people=judgment_search.people(session),
        versions=versions.all_versions(session),
        sources=search.sources(session),
        formats=exports.FORMATS,
        problem=problem,
    )


@blueprint.get("/judgments/report")
def report() -> ResponseReturnValue:
    """Show which of the judgments that fit hold personal details, or are of texts that versions are tested on."""
    problem = None
    try:
        query = read_form(ReportQuery, request.args)
        wanted, before, page_number = JudgmentFilter.of(query), query.before, query.page
    except Invalid as refusal:
        problem, wanted, before, page_number = str(refusal), JudgmentFilter(), None, 1
    session = db.session()
    people = judged_screens.People(session, pseudonyms=False)
    return render_template(
        "exchange/report.html",
        found=outgoing.report(session, wanted, before, page_number),
        query=wanted.as_query(),
        before=before,
        number=page_number,
        people=people,
        kinds=KINDS,
        formats=exports.FORMATS,
        problem=problem,
    )
