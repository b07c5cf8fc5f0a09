"""The admin page of prompts: the queue, and all others by filter."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.context import mellow
from app.domain_errors import Invalid
from app.extensions import db
from app.routes.prompts import actions
from app.services.prompts import deletion, metadata, samples, search, studio_settings
from app.services.prompts.prompts import MOST_OVERLAP, MOST_PRIORITY
from app.services.prompts.search import STATES, PromptFilter, PromptQuery
from app.services.system import backups

blueprint = Blueprint("prompts", __name__, url_prefix="/admin/data")


@blueprint.get("/queue")
def queue() -> ResponseReturnValue:
    """Show prompts, the queue first; those that a filter finds can be changed at once."""
    session = db.session()
    problem = None
    wanted: PromptFilter
    try:
        wanted = PromptQuery.parse(request.args)
        found = search.page(session, wanted, wanted.after)
    except Invalid as refusal:
        problem, wanted = str(refusal), PromptFilter()
        found = search.page(session, wanted)
    return render_template(
        "prompts/queue.html",
        wanted=wanted,
        query=wanted.as_query(),
        found=found,
        after=wanted.as_query() | {f"after_{name}": value for name, value in found.after.items()},
        begun=any(request.args.get(f"after_{name}") for name in ("id", "priority")),
        counted=search.counted(session, wanted),
        most_counted=search.COUNTED,
        states=STATES,
        sources=search.sources(session),
        studio=studio_settings.settings(session),
        most_overlap=MOST_OVERLAP,
        most_priority=MOST_PRIORITY,
        shown=metadata.shown,
        problem=problem,
    )


@blueprint.post("/samples")
def load_samples() -> ResponseReturnValue:
    """Queue the texts that ship with Mellow, and lead to the desk, where they are judged."""
    added = samples.load(db.session(), user_id()).added
    if added:
        flash(f"{added} sample texts wait in the queue.", "success")
    else:
        flash("The sample texts are here already: they wait, or were judged.", "info")
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
    flash(f"Prompt {prompt_id} and all that was made of it are deleted.", "success")
    if left:
        flash(left, "warning")
    return redirect(url_for("prompts.queue"))


def _delete_page(prompt_id: int, problem: str = "") -> str:
    session = db.session()
    return render_template(
        "prompts/delete.html",
        prompt=deletion.get(session, prompt_id),
        gone=deletion.preview(session, prompt_id),
        backups=len(backups.kept(mellow().settings)),
        problem=problem,
    )
