"""The admin's API for data and versions: import, export, look, promote, roll back."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.payload import LARGEST_ID, json_object, version_json
from app.context import mellow
from app.errors import Invalid, NotFound
from app.extensions import db
from app.routes.versions.actions import promote
from app.services.exchange import exports, prompt_bodies
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.versions import evaluations, versions

blueprint = Blueprint("api_admin", __name__)


@blueprint.post("/prompts")
def create_prompts() -> ResponseReturnValue:
    """Queue texts: a JSON list, JSON Lines, CSV or TSV."""
    report = prompt_bodies.import_prompts(
        db.session(), user_id(), request.get_data(), request.mimetype, "api", mellow().settings.max_text_length
    )
    return {"added": report.added, "duplicates": report.duplicates, "rejected": report.rejected}, 201


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


@blueprint.get("/versions")
def list_versions() -> ResponseReturnValue:
    """All versions, the newest first."""
    session = db.session()
    serving = versions.serving_number(session)
    return [
        version_json(version, serving, evaluations.as_json(session, version))
        for version in versions.all_versions(session)
    ]


@blueprint.get("/versions/<int:number>")
def get_version(number: int) -> ResponseReturnValue:
    """One version."""
    session = db.session()
    version = versions.get(session, number)
    return version_json(version, versions.serving_number(session), evaluations.as_json(session, version))


@blueprint.put("/aliases/serving")
def move_serving() -> ResponseReturnValue:
    """Let a version serve: promote a newer one or roll back to an older one."""
    number = json_object().get("version")
    if type(number) is not int:
        raise Invalid("version must be a whole number.")
    if abs(number) > LARGEST_ID:
        raise NotFound(f"There is no version {number}.")
    promote(number)
    return {"version": number}
