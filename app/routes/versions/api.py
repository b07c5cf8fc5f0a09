"""The admin's API for versions: look, promote, roll back, try, download, note, delete."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.access import user_id
from app.api.operations import gives, operation
from app.api.payload import version_json
from app.api.versions import Archive as ArchiveBytes
from app.api.versions import ConfirmQuery, ServingAlias, Trial, TrialRequest, Version, VersionChange
from app.context import mellow
from app.db import Version as VersionRow
from app.domain_errors import NotFound, NotReady
from app.extensions import db
from app.routes.versions.actions import promote
from app.runtime.client import watched
from app.schemas.kinds import LARGEST_ID
from app.services.desk.answering import draw_answers, tell_nobody
from app.services.prompts import prompts, studio_settings
from app.services.versions import evaluations, learned, versions
from app.words import gettext
from models.chat.answers import AnyGenerator, ChatGenerator
from models.model_errors import (
    AnswersRefused,
    InputTooLong,
    ModelError,
    NoLongerWanted,
    StoreError,
    WriterAway,
    WriterBusy,
)
from models.serving.screen import Screen
from models.store.archive import Archive

blueprint = Blueprint("api_versions", __name__)


@blueprint.get("/versions")
@operation("All versions, the newest first", gives("Versions.", list[Version]))
def list_versions() -> ResponseReturnValue:
    """All versions, the newest first."""
    session = db.session()
    return [_shown(session, version) for version in versions.all_versions(session)]


@blueprint.get("/versions/<int:number>")
@operation("One version", gives("The version.", Version))
def get_version(number: int) -> ResponseReturnValue:
    """One version."""
    session = db.session()
    return _shown(session, versions.get(session, number))


@blueprint.put("/aliases/serving")
@operation(
    "Make a version live: promote a newer one or roll back to an older one",
    gives("The live version.", ServingAlias),
    body=ServingAlias,
    refusals=(404, 409),
)
def move_serving(body: ServingAlias) -> ResponseReturnValue:
    """Make a version live: promote a newer one or roll back to an older one."""
    if abs(body.version) > LARGEST_ID:
        raise NotFound(gettext("There is no version %(number)s.", number=body.version))
    promote(body.version)
    return {"version": body.version}


@blueprint.post("/versions/<int:number>/generations")
@operation(
    "Draw rewrites or answers by any version, to look at: nothing is stored",
    gives("What that version writes.", Trial),
    body=TrialRequest,
    refusals=(409, 429, 503),
)
def try_version(number: int, body: TrialRequest) -> ResponseReturnValue:
    """Rewrites of a text or answers to it by that version, to be looked at: nothing is stored."""
    parts = mellow()
    text = prompts.check_text(body.text, parts.longest_text)
    versions.usable(db.session(), number)
    decided = studio_settings.settings(db.session())
    db.session.rollback()  # loading a version takes seconds, which no transaction should
    sampling, gone = parts.sampling, watched(request.environ)

    def draw(generator: AnyGenerator) -> Screen:
        if isinstance(generator, ChatGenerator):
            return draw_answers(text, (), generator, sampling, decided, gone, tell_nobody).screen
        return generator.generate(text, sampling, gone=gone)

    serving = parts.serving.current()
    here = serving if serving is not None and serving.version == number else None
    try:
        with parts.draws_here.one(user_id(), gone):
            screen = draw(here) if here else parts.trial.ask(number, draw)
    except (InputTooLong, AnswersRefused, NoLongerWanted, WriterBusy, WriterAway):
        raise
    except ModelError as error:
        raise NotReady(str(error)) from None
    return {
        "version": number,
        "text": text,
        "candidates": [
            {"text": candidate.text, "log_probability": candidate.log_probability} for candidate in screen.candidates
        ],
        "exhausted": screen.exhausted,
        "milliseconds": round(screen.milliseconds, 1),
    }


@blueprint.get("/versions/<int:number>/checkpoint")
@operation(
    "Download a version: its manifest, safetensors, tokenizer, and the adapter where there is one",
    gives("A tar archive.", ArchiveBytes, media="application/x-tar"),
    refusals=(409, 503),
)
def download_checkpoint(number: int) -> ResponseReturnValue:
    """The version as a tar archive: manifest, safetensors, tokenizer, and the adapter where there is one."""
    versions.usable(db.session(), number)
    try:
        archive = Archive(mellow().store, number)
    except StoreError as error:
        raise NotReady(str(error)) from None

    def pieces() -> Iterator[bytes]:
        with archive:
            yield from archive

    response = Response(pieces(), content_type="application/x-tar")
    response.headers["Content-Disposition"] = f'attachment; filename="{archive.name}.tar"'
    response.content_length = archive.size
    response.call_on_close(archive.close)
    return response


@blueprint.patch("/versions/<int:number>")
@operation("Write a version's note", gives("The version.", Version), body=VersionChange)
def change_version(number: int, body: VersionChange) -> ResponseReturnValue:
    """Write the version's note."""
    session = db.session()
    return _shown(session, versions.set_note(session, user_id(), number, body.note))


@blueprint.delete("/versions/<int:number>")
@operation(
    "Delete a version's files for ever. Refused for the version that serves and for one that an active run starts from",
    gives("Deleted.", status=204),
    query=ConfirmQuery,
    refusals=(409, 503),
)
def delete_version(number: int, query: ConfirmQuery) -> ResponseReturnValue:
    """Remove the version's files for ever; `confirm` must be its number again."""
    try:
        versions.delete(db.session(), mellow().store, user_id(), number, query.confirm)
    except StoreError as error:
        raise NotReady(str(error)) from None
    mellow().trial.forget()
    return "", 204


def _shown(session: Session, version: VersionRow) -> dict[str, Any]:
    """Return a version as the API shows it."""
    lost = learned.lost(session, version.number)
    serving = versions.serving_number(session)
    return version_json(version, serving, evaluations.as_json(session, version), lost.number)
