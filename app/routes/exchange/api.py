"""The admin's API for files in and out: bring files, find judgments, export preferences."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue

from app.access import slug_unless_first, user_id
from app.api.exchange import (
    Bytes,
    ImportPage,
    ImportPageQuery,
    ImportPreview,
    ImportProgress,
    ImportQuery,
    ImportUndone,
    JudgmentPage,
    PieceQuery,
    Upload,
    UploadQuery,
)
from app.api.exports import DataSetQuery, ExportManifest, ExportQuery, PlainExportQuery
from app.api.kinds import Anything
from app.api.operations import JSON, Answer, gives, operation, sent_body
from app.context import mellow
from app.db.full_disk import is_full
from app.domain_errors import DomainError
from app.extensions import db
from app.services.exchange import exports, imports, judgment_search
from app.services.exchange.hub import data_set
from app.services.exchange.incoming import history
from app.services.exchange.incoming.import_plan import ImportPlan, ImportRequest
from app.services.exchange.incoming.shared_uploads import uploads_of
from app.services.exchange.judgment_search import JudgmentFilter, JudgmentPageQuery
from app.services.exchange.outgoing.manifest import Export
from app.services.exchange.uploads import ImportUploads
from app.words import gettext

blueprint = Blueprint("api_data", __name__)
_PIECE = 1 << 16
_ZIP = "application/zip"
_BYTES = {"application/octet-stream": Bytes}


def uploads() -> ImportUploads:
    """Where files on their way in lie."""
    return uploads_of(db.session(), mellow().settings)


@blueprint.post("/imports")
@operation(
    "Begin to send a file: CSV, TSV, JSON, JSON Lines or plain lines, also with .gz",
    gives("What is there; send the rest with PATCH.", Upload, status=201),
    query=UploadQuery,
    media=_BYTES,
    refusals=(413, 503),
)
def create_import(query: UploadQuery) -> ResponseReturnValue:
    """Begin to send a file; the body is its first piece, or all of it."""
    body = sent_body()
    return {"id": uploads().begin(query.name, body), "bytes": len(body)}, 201


@blueprint.patch("/imports/<upload_id>")
@operation(
    "Send the next piece of a file; where a piece does not fit, `bytes` in the refusal says how much is there",
    gives("What is there.", Upload),
    query=PieceQuery,
    media=_BYTES,
    refusals=(409, 413, 503),
)
def append_import(upload_id: str, query: PieceQuery) -> ResponseReturnValue:
    """Send the next piece of a file, which begins at `offset`."""
    uploads().check_size(query.offset + (request.content_length or 0))  # before the piece is read
    return {"id": upload_id, "bytes": uploads().append(upload_id, query.offset, sent_body())}


@blueprint.get("/imports/<upload_id>")
@operation(
    "Look into a file that was sent; nothing is stored",
    gives("What an import would do.", ImportPreview),
    query=ImportQuery,
    refusals=(400,),
)
def preview_import(upload_id: str, query: ImportQuery) -> ResponseReturnValue:
    """Preview an import: the content of the file, and what would be stored of it."""
    files = uploads()
    path = files.path(upload_id)
    longest = mellow().longest_text
    found = imports.preview(db.session(), path, query.wished(), longest)
    return {"id": upload_id, "name": files.name(upload_id), "bytes": path.stat().st_size, **found.as_json()}


@blueprint.post("/imports/<upload_id>")
@operation(
    "Store a file: queue its texts, take over its judgments, or both",
    gives(
        "A line of JSON after each batch, each an ImportProgress; the last one is `done`.",
        str,
        media="application/x-ndjson",
        lines=ImportProgress,
    ),
    body=ImportRequest,
)
def run_import(upload_id: str, body: ImportRequest) -> ResponseReturnValue:
    """Store the file; the answer tells line by line how far it is, and at last what became of the rows."""
    files = uploads()
    path = files.path(upload_id)
    plan = ImportPlan.of(body, files.name(upload_id))
    longest, by, sessions = mellow().longest_text, user_id(), mellow().sessions
    log = current_app.logger
    full = gettext("The disk is full: the rest of the file was not stored. Once there is room, import it again.")
    failed = gettext("Something went wrong on our side; the log says what.")

    def lines() -> Iterator[str]:
        try:
            with sessions() as session:
                for progress in imports.run(session, by, path, plan, longest):
                    yield json.dumps(progress.as_json()) + "\n"
        except DomainError as refusal:
            yield json.dumps({"problem": str(refusal)}) + "\n"
        except Exception as error:
            log.exception("Import %s broke off", upload_id)
            yield json.dumps({"problem": full if is_full(error) else failed}) + "\n"

    return Response(lines(), content_type="application/x-ndjson; charset=utf-8", headers={"X-Accel-Buffering": "no"})


@blueprint.delete("/imports/<upload_id>")
@operation("Forget a file that was sent", gives("Forgotten.", status=204))
def remove_import(upload_id: str) -> ResponseReturnValue:
    """Forget a file that was sent."""
    uploads().remove(upload_id)
    return "", 204


@blueprint.get("/imports")
@operation("Imports that were done, the newest first", gives("Imports.", ImportPage), query=ImportPageQuery)
def list_imports(query: ImportPageQuery) -> ResponseReturnValue:
    """Imports that were done, the newest first; send `before` for those before them."""
    found = history.page(db.session(), query.before, query.limit or history.PAGE)
    return {"imports": [history.as_json(one) for one in found.imports], "before": found.before}


@blueprint.post("/imports/<int:import_id>/undo")
@operation(
    "Take a whole import back: its prompts leave the queue and its judgments are withdrawn",
    gives("What happened; doing it again does nothing more.", ImportUndone),
    refusals=(404,),
)
def undo_import(import_id: int) -> ResponseReturnValue:
    """Take a whole import back."""
    return asdict(history.undo(db.session(), user_id(), import_id))


@blueprint.get("/judgments")
@operation(
    "Judgments of everybody, the newest first",
    gives("Judgments; send `before` for those before them.", JudgmentPage),
    query=JudgmentPageQuery,
)
def list_judgments(query: JudgmentPageQuery) -> ResponseReturnValue:
    """Judgments of everybody, the newest first."""
    session = db.session()
    size = query.limit or judgment_search.PAGE
    found = judgment_search.page(session, JudgmentFilter.of(query), query.before, size)
    names = judgment_search.names(session, found.judgments)
    return {
        "judgments": [judgment_search.as_json(one, judgment_search.person_of(one, names)) for one in found.judgments],
        "before": found.before,
    }


@blueprint.get("/preferences")
@operation(
    "Export standing judgments, all or those that a filter finds",
    Answer(
        200,
        "One record a line; for Label Studio and Argilla a JSON list; with a manifest, a zip of both.",
        str,
        ("application/x-ndjson", "text/csv"),
        others={JSON: list[Anything], "application/vnd.apache.parquet": Bytes, _ZIP: Bytes},
    ),
    query=ExportQuery,
)
def export_preferences(query: ExportQuery) -> ResponseReturnValue:
    """The standing judgments that a filter finds, all of them without one, in one of the field's schemas."""
    plan = query.plan(slug_unless_first())
    sessions = mellow().sessions

    def content() -> Iterator[bytes]:
        with sessions() as session:
            if query.packed:
                yield from Export(session, plan).zipped()
            else:
                yield from exports.content(session, plan.format_name, plan.wanted, plan.pseudonyms)

    kind, name = exports.FORMATS[query.format].content_type, plan.file_name
    if query.packed:
        kind, name = _ZIP, f"{name.rpartition('.')[0]}.zip"
    return Response(content(), content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@blueprint.get("/preferences/manifest")
@operation(
    "Say what an export would hold, mask and leave out: its manifest without its rows",
    gives("The manifest.", ExportManifest),
    query=PlainExportQuery,
)
def export_manifest(query: PlainExportQuery) -> ResponseReturnValue:
    """Read all that would be exported, and return the manifest."""
    export = Export(db.session(), query.plan(slug_unless_first()))
    for _ in export.content():
        pass
    return export.manifest()


@blueprint.get("/preferences/dataset")
@operation(
    "Export standing judgments as a data set in the layout of the Hugging Face hub",
    Answer(200, "A zip of README.md, the card, a manifest, and a Parquet file below data.", Bytes, (_ZIP,)),
    query=DataSetQuery,
    refusals=(409,),
)
def export_data_set(query: DataSetQuery) -> ResponseReturnValue:
    """A zip of the pairs or the judgments that a filter finds; `datasets.load_dataset` reads it once it is unpacked."""
    made = data_set.archive(db.session(), query.contents, JudgmentFilter.of(query), query.choices())

    def pieces() -> Iterator[bytes]:
        with made:  # also for those who read all of it and never close the response
            yield from iter(lambda: made.read(_PIECE), b"")

    whose = f"{project}-" if (project := slug_unless_first()) else ""
    answer = Response(
        pieces(),
        content_type=_ZIP,
        headers={"Content-Disposition": f'attachment; filename="mellow-{whose}{query.contents}-dataset.zip"'},
    )
    answer.call_on_close(made.close)
    return answer
