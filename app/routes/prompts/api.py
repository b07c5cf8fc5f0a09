"""The admin's API for prompts: queue texts, look them up, change them."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.payload import json_object, page_size
from app.context import mellow
from app.extensions import db
from app.services.exchange import prompt_bodies
from app.services.prompts import search
from app.services.prompts.search import PromptFilter

blueprint = Blueprint("api_prompts", __name__)


@blueprint.post("/prompts")
def create_prompts() -> ResponseReturnValue:
    """Queue texts: a JSON list, JSON Lines, CSV or TSV."""
    report = prompt_bodies.import_prompts(
        db.session(), user_id(), request.get_data(), request.mimetype, "api", mellow().settings.max_text_length
    )
    return {"added": report.added, "duplicates": report.duplicates, "rejected": report.rejected}, 201


@blueprint.get("/prompts")
def list_prompts() -> ResponseReturnValue:
    """Prompts: the queue in its order, anything else the newest first."""
    wanted = PromptFilter.parse(request.args)
    after = {name: request.args.get(f"after_{name}", "") for name in ("id", "priority")}
    found = search.page(db.session(), wanted, after, page_size())
    return {
        "prompts": [search.as_json(row) for row in found.rows],
        "after": {f"after_{name}": value for name, value in found.after.items()} or None,
    }


@blueprint.patch("/prompts/<int:prompt_id>")
def change_prompt(prompt_id: int) -> ResponseReturnValue:
    """Change a prompt's priority, overlap, place in the queue or right answer."""
    longest = mellow().settings.max_text_length
    return search.as_json(search.change(db.session(), user_id(), prompt_id, json_object(), longest))


@blueprint.patch("/prompts")
def change_prompts() -> ResponseReturnValue:
    """Change all prompts that a filter finds."""
    wanted = PromptFilter.parse(request.args)
    return {"changed": search.change_all(db.session(), user_id(), wanted, json_object())}
