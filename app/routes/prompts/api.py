"""The admin's API for prompts: queue texts, look them up, change them."""

from __future__ import annotations

from dataclasses import asdict

import msgspec
from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.operations import JSON, gives, operation, sent_body
from app.api.prompts.prompts import (
    Changed,
    ConfirmPromptQuery,
    DeletedPrompt,
    ImportReport,
    Prompt,
    PromptLine,
    PromptPage,
)
from app.context import mellow
from app.extensions import db
from app.routes.prompts.actions import delete
from app.services.exchange import prompt_bodies
from app.services.prompts import search
from app.services.prompts.changes import PromptChange, PromptsChange
from app.services.prompts.search import PromptFilter, PromptQuery

blueprint = Blueprint("api_prompts", __name__)


@blueprint.post("/prompts")
@operation(
    "Queue texts for the annotators; rows that cannot be used are listed and the others kept",
    gives("What became of the rows.", ImportReport, status=201),
    media={
        JSON: list[str | PromptLine],
        "application/x-ndjson": str,
        "text/csv": str,
        "text/tab-separated-values": str,
    },
    refusals=(400, 413),
)
def create_prompts() -> ResponseReturnValue:
    """Queue texts: a JSON list, JSON Lines, CSV or TSV."""
    report = prompt_bodies.import_prompts(
        db.session(), user_id(), sent_body(), request.mimetype, "api", mellow().longest_text
    )
    counts = {"added": report.added, "duplicates": report.duplicates, "systems": report.systems}
    return counts | {"rejected": report.rejected}, 201


@blueprint.get("/prompts")
@operation(
    "Prompts: the queue in its order, anything else the newest first",
    gives("Prompts; `after` leads to the next ones.", PromptPage),
    query=PromptQuery,
)
def list_prompts(query: PromptQuery) -> ResponseReturnValue:
    """Prompts: the queue in its order, anything else the newest first."""
    found = search.page(db.session(), query, query.after, query.limit or search.PAGE)
    return {
        "prompts": [search.as_json(row) for row in found.rows],
        "after": {f"after_{name}": value for name, value in found.after.items()} or None,
    }


@blueprint.patch("/prompts/<int:prompt_id>")
@operation("Change a prompt", gives("The prompt.", Prompt), body=PromptChange)
def change_prompt(prompt_id: int, body: PromptChange) -> ResponseReturnValue:
    """Change a prompt's priority, overlap, place in the queue or right answer."""
    longest = mellow().longest_text
    return search.as_json(search.change(db.session(), user_id(), prompt_id, msgspec.to_builtins(body), longest))


@blueprint.delete("/prompts/<int:prompt_id>")
@operation(
    "Delete a prompt for ever, with everything that was made of it: screens, rewrites, judgments, pairs",
    gives("What went with it.", DeletedPrompt),
    query=ConfirmPromptQuery,
)
def delete_prompt(prompt_id: int, query: ConfirmPromptQuery) -> ResponseReturnValue:
    """Delete the prompt and everything that was made of it; `confirm` must be its id again."""
    return asdict(delete(prompt_id, query.confirm)[0])


@blueprint.patch("/prompts")
@operation(
    "Change all prompts that a filter finds", gives("How many.", Changed), query=PromptFilter, body=PromptsChange
)
def change_prompts(query: PromptFilter, body: PromptsChange) -> ResponseReturnValue:
    """Change all prompts that a filter finds."""
    return {"changed": search.change_all(db.session(), user_id(), query, msgspec.to_builtins(body))}
