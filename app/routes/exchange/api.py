"""The admin's API for data: bring files, look after the queue, find judgments."""

from __future__ import annotations

import json
from collections.abc import Iterator

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.payload import json_object
from app.context import mellow
from app.errors import DomainError, Invalid
from app.extensions import db
from app.services.exchange import imports, judgment_search
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.uploads import ImportUploads, check_offset
from app.services.prompts import search
from app.services.prompts.search import PromptFilter

blueprint = Blueprint("api_data", __name__)

LARGEST_PAGE = 500


def uploads() -> ImportUploads:
    """Where files on their way in lie."""
    return ImportUploads(mellow().settings.home / "imports")


@blueprint.post("/imports")
def create_import() -> ResponseReturnValue:
    """Begin to send a file; the body is its first piece, or all of it."""
    name = request.args.get("name", "")
    if not name or len(name) > 300:
        raise Invalid("name must be the name of the file.")
    body = request.get_data()
    return {"id": uploads().begin(name, body), "bytes": len(body)}, 201


@blueprint.patch("/imports/<upload_id>")
def append_import(upload_id: str) -> ResponseReturnValue:
    """Send the next piece of a file, which begins at `offset`."""
    offset = check_offset(request.args.get("offset", ""))
    return {"id": upload_id, "bytes": uploads().append(upload_id, offset, request.get_data())}


@blueprint.get("/imports/<upload_id>")
def preview_import(upload_id: str) -> ResponseReturnValue:
    """What is in the file and what an import would do."""
    files = uploads()
    path = files.path(upload_id)
    longest = mellow().settings.max_text_length
    found = imports.preview(db.session(), path, request.args.to_dict(), longest)
    return {"id": upload_id, "name": files.name(upload_id), "bytes": path.stat().st_size, **found.as_json()}


@blueprint.post("/imports/<upload_id>")
def run_import(upload_id: str) -> ResponseReturnValue:
    """Store the file; the answer tells line by line how far it is, and at last what became of the rows."""
    files = uploads()
    path = files.path(upload_id)
    wish = imports.Wish.parse(json_object(), files.name(upload_id))
    parts, by = mellow(), user_id()
    log = current_app.logger

    def lines() -> Iterator[str]:
        try:
            with parts.sessions() as session:
                for progress in imports.run(session, by, path, wish, parts.settings.max_text_length):
                    yield json.dumps(progress.as_json()) + "\n"
        except DomainError as refusal:
            yield json.dumps({"problem": str(refusal)}) + "\n"
        except Exception:
            log.exception("Import %s broke off", upload_id)
            yield json.dumps({"problem": "Something went wrong on our side; the log says what."}) + "\n"

    return Response(lines(), content_type="application/x-ndjson; charset=utf-8", headers={"X-Accel-Buffering": "no"})


@blueprint.delete("/imports/<upload_id>")
def remove_import(upload_id: str) -> ResponseReturnValue:
    """Forget a file that was sent."""
    uploads().remove(upload_id)
    return "", 204


@blueprint.get("/prompts")
def list_prompts() -> ResponseReturnValue:
    """Prompts: the queue in its order, anything else the newest first."""
    wanted = PromptFilter.parse(request.args)
    after = {name: request.args.get(f"after_{name}", "") for name in ("id", "priority")}
    found = search.page(db.session(), wanted, after, _size())
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


@blueprint.get("/judgments")
def list_judgments() -> ResponseReturnValue:
    """Judgments of everybody, the newest first."""
    session = db.session()
    wanted = JudgmentFilter.parse(request.args)
    before = judgment_search.parse_id(request.args, "before")
    found = judgment_search.page(session, wanted, before, _size())
    names = judgment_search.names(session, found.judgments)
    return {
        "judgments": [judgment_search.as_json(one, names[one.user_id]) for one in found.judgments],
        "before": found.before,
    }


def _size() -> int:
    size = judgment_search.parse_id(request.args, "limit") or judgment_search.PAGE
    if size > LARGEST_PAGE:
        raise Invalid(f"limit must be at most {LARGEST_PAGE}.")
    return size
