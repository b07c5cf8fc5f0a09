"""The admin's API for files in and out: bring files, find judgments, export preferences."""

from __future__ import annotations

import json
from collections.abc import Iterator

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.payload import json_object, page_size
from app.context import mellow
from app.errors import DomainError, Invalid
from app.extensions import db
from app.services.exchange import exports, imports, judgment_search
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.uploads import ImportUploads, check_offset

blueprint = Blueprint("api_data", __name__)


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


@blueprint.get("/judgments")
def list_judgments() -> ResponseReturnValue:
    """Judgments of everybody, the newest first."""
    session = db.session()
    wanted = JudgmentFilter.parse(request.args)
    before = judgment_search.parse_id(request.args, "before")
    found = judgment_search.page(session, wanted, before, page_size())
    names = judgment_search.names(session, found.judgments)
    return {
        "judgments": [judgment_search.as_json(one, names[one.user_id]) for one in found.judgments],
        "before": found.before,
    }


@blueprint.get("/preferences")
def export_preferences() -> ResponseReturnValue:
    """The standing preferences that a filter finds, all of them without one, in one of the field's schemas."""
    format_name = request.args.get("format", "trl")
    if format_name not in exports.FORMATS:
        raise Invalid(f"format must be one of {', '.join(exports.FORMATS)}.")
    wanted = JudgmentFilter.parse(request.args)
    sessions = mellow().sessions

    def lines() -> Iterator[str]:
        with sessions() as session:
            yield from exports.pieces(exports.stream(session, format_name, wanted))

    media = exports.media_of(format_name)
    name = f"mellow-preferences-{format_name}.{media.extension}"
    return Response(
        lines(),
        content_type=media.content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
