"""The admin page of prompts: the queue, and all others by filter."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app.domain_errors import Invalid
from app.extensions import db
from app.services.prompts import metadata, search, studio_settings
from app.services.prompts.prompts import MOST_OVERLAP, MOST_PRIORITY
from app.services.prompts.search import STATES, PromptFilter, PromptQuery

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
