"""The admin page of prompts: the queue, and all others by filter."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.context import mellow
from app.domain_errors import Invalid, NotFound
from app.extensions import db
from app.routes import table_view
from app.routes.prompts import actions
from app.routes.table_view import Column, Table
from app.services.prompts import deletion, metadata, samples, search, studio_settings
from app.services.prompts.listing import listing
from app.services.prompts.prompts import MOST_OVERLAP, MOST_PRIORITY
from app.services.prompts.search import STATES, PromptFilter, PromptQuery
from app.services.system import backups
from app.words import N_, gettext, ngettext, number

_PROMPTS = Table(
    "prompts.queue",
    (
        Column("text", N_("Text"), always=True),
        Column("source", N_("Source")),
        Column("state", N_("State"), sorts=False),
        Column("priority", N_("Priority")),
        Column("overlap", N_("Overlap")),
        Column("added", N_("Added"), usual=False),
    ),
    ("after_id", "after_priority"),
)

blueprint = Blueprint("prompts", __name__, url_prefix="/admin/data")


@blueprint.get("/queue")
def queue() -> ResponseReturnValue:
    """Show prompts, the queue first; those that a filter finds can be changed at once."""
    session, view = db.session(), table_view.read(_PROMPTS)
    problem = view.problem
    wanted: PromptFilter
    try:
        wanted = PromptQuery.parse(request.args)
        found = listing(session, wanted, wanted.after, view.sort)
    except Invalid as refusal:
        problem, wanted = str(refusal), PromptFilter()
        found = listing(session, wanted, {}, view.sort)
    cut = view.cut(found.window)
    return render_template(
        "prompts/queue.html",
        wanted=wanted,
        query=wanted.as_query(),
        view=view,
        listing=found,
        window=found.window,
        cut=cut,
        rows=search.rows(session, cut.ids),
        states={name: gettext(label) for name, label in STATES.items()},
        sources=search.sources(session),
        studio=studio_settings.settings(session),
        most_overlap=MOST_OVERLAP,
        most_priority=MOST_PRIORITY,
        told=metadata.shown,
        problem=problem,
    )


@blueprint.post("/queue/selected")
def change_selected() -> ResponseReturnValue:
    """Change the selected prompts, or lead to the question that comes before they are assigned or deleted."""
    form = request.form
    ids = actions.selected(form.getlist("id"))
    back = redirect(table_view.back_to(url_for("prompts.queue"), form.get("view", "")))
    if form.get("do") == "delete" and ids:
        return redirect(url_for("prompts.ask_several", id=ids))
    if form.get("do") == "assign" and ids:
        return redirect(url_for("assignments.ask", id=ids))
    try:
        changed = search.change_some(db.session(), user_id(), ids, actions.change_of(form)) if ids else 0
    except Invalid as refusal:
        flash(str(refusal), "warning")
        return back
    if changed:
        said = ngettext(
            "%(number)s prompt is changed.", "%(number)s prompts are changed.", changed, number=number(changed)
        )
        flash(said, "success")
    else:
        flash(gettext("No prompt was changed: select some rows first."), "warning")
    return back


@blueprint.post("/samples")
def load_samples() -> ResponseReturnValue:
    """Queue the texts that ship with Mellow, and lead to the desk, where they are judged."""
    added = samples.load(db.session(), user_id()).added
    if added:
        flash(
            ngettext("%(num)d sample text waits in the queue.", "%(num)d sample texts wait in the queue.", added),
            "success",
        )
    else:
        flash(gettext("The sample texts are here already: they wait, or were judged."), "info")
    return redirect(url_for("annotate.page"))


@blueprint.get("/prompts/<int:prompt_id>/delete")
def ask(prompt_id: int) -> ResponseReturnValue:
    """Say what would go with a prompt, and ask for its id."""
    return _delete_page(prompt_id)


@blueprint.post("/prompts/<int:prompt_id>/delete")
def delete(prompt_id: int) -> ResponseReturnValue:
    """Delete a prompt and everything that was made of it, if its id was typed to confirm."""
    try:
        _, left = actions.delete(prompt_id, request.form.get("confirm", ""))
    except Invalid as refusal:
        return _delete_page(prompt_id, str(refusal)), refusal.status
    flash(gettext("Prompt %(id)s and all that was made of it are deleted.", id=prompt_id), "success")
    if left:
        flash(left, "warning")
    return redirect(url_for("prompts.queue"))


@blueprint.get("/prompts/delete")
def ask_several() -> ResponseReturnValue:
    """Say what would go with several prompts, and ask for their number."""
    return _delete_several_page(actions.selected(request.args.getlist("id")))


@blueprint.post("/prompts/delete")
def delete_several() -> ResponseReturnValue:
    """Delete several prompts and everything that was made of them, if their number was typed to confirm."""
    ids = actions.selected(request.form.getlist("id"))
    try:
        deleted, left = actions.delete_several(ids, request.form.get("confirm", ""))
    except Invalid as refusal:
        return _delete_several_page(ids, str(refusal)), refusal.status
    flash(
        ngettext(
            "%(number)s prompt and all that was made of it are deleted.",
            "%(number)s prompts and all that was made of them are deleted.",
            deleted,
            number=number(deleted),
        ),
        "success",
    )
    if left:
        flash(left, "warning")
    return redirect(url_for("prompts.queue"))


def _delete_several_page(ids: list[int], problem: str = "") -> str:
    session = db.session()
    prompts = [row.prompt for row in search.rows(session, ids)]
    if not prompts:
        raise NotFound(gettext("None of these prompts is there."))
    return render_template(
        "prompts/delete_several.html",
        prompts=prompts,
        gone=deletion.preview(session, [prompt.id for prompt in prompts]),
        backups=len(backups.kept(mellow().settings)),
        problem=problem,
    )


def _delete_page(prompt_id: int, problem: str = "") -> str:
    session = db.session()
    return render_template(
        "prompts/delete.html",
        prompt=deletion.get(session, prompt_id),
        gone=deletion.preview(session, [prompt_id]),
        backups=len(backups.kept(mellow().settings)),
        problem=problem,
    )
