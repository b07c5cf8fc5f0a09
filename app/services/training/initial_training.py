"""Initial training on the web side: uploaded pairs are checked, described and stored; runs name them by their hash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import ANSWERING, TrainingRun, task_of
from app.domain_errors import Conflict, Invalid, Malformed, NotFound
from app.services.training import runs
from app.services.training.run_request import RunRequest
from app.services.versions import versions
from app.words import gettext
from models.formats.files.pair_columns import Columns
from models.formats.files.pair_files import PairFile, read_pairs_from
from models.formats.splitting import held_out_keys
from models.model_errors import PairFileError, RecipeError, UploadMissing
from models.settings.sft import SFTPlan, SFTRecipe
from models.store.uploads import Uploads

METHOD = SFTRecipe.method
LARGEST_UPLOAD = 50 * 1024 * 1024
LARGEST_UNPACKED = 10 * LARGEST_UPLOAD
CONTENT_TYPES: Mapping[str, str] = {
    "text/tab-separated-values": "tsv",
    "text/csv": "csv",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/octet-stream": "data",
}
_SAMPLE_ROWS = 5
_SAMPLE_REFERENCES = 20
_SAMPLE_CHARACTERS = 2000
_SHOWN_PROBLEMS = 20
_UNUSED_FOR_SECONDS = 24 * 3600


def add_dataset(session: Session, uploads: Uploads, body: bytes, content_type: str, columns: Columns) -> dict[str, Any]:
    """Check the pairs in `body` and store them; returns their description, as the API shows it.

    Nothing is stored of a file that cannot be used: raises Malformed if it cannot be read, Invalid if it holds no pairs
    or too many bad rows. Uploads that no run uses are removed after a day.
    """
    if content_type not in CONTENT_TYPES:
        raise Malformed(
            gettext(
                "Send text/tab-separated-values, text/csv, application/x-ndjson or application/octet-stream "
                "(the content tells what it is), not %(type)s.",
                type=content_type or gettext("no content type"),
            )
        )
    kind = CONTENT_TYPES[content_type]
    file = _read(body, f"upload.{kind}", columns)
    try:
        file.check_usable()
    except PairFileError as error:
        raise Invalid(str(error), problems=_problems(file), problem_count=file.problem_count) from None
    uploads.remove_older(_UNUSED_FOR_SECONDS, _used(session))
    return {"sha256": uploads.add(body, kind), **describe(file)}


def describe(file: PairFile) -> dict[str, Any]:
    """Describe a file: counts, the first rows (long texts cut), the first problems, and notes on how it was read."""
    sources = file.by_source()
    return {
        "rows": file.row_count,
        "pairs": len(file.pairs),
        "sources": len(sources),
        "dev_sources": len(held_out_keys(sources)),
        "duplicates": file.duplicates,
        "problem_count": file.problem_count,
        "problems": _problems(file),
        "notes": list(file.notes),
        "sample": [
            {
                "line": row.line,
                "source": _cut(row.source),
                "references": [_cut(text) for text in row.references[:_SAMPLE_REFERENCES]],
            }
            for row in file.rows[:_SAMPLE_ROWS]
        ],
    }


def request(
    session: Session, uploads: Uploads, user_id: int | None, config: Mapping[str, Any]
) -> tuple[TrainingRun, bool]:
    """Request the run of initial training that `config` describes; returns it and whether it is new, as `runs.request`.

    Raises Invalid for a setting that cannot be used or data that was not uploaded, NotFound for an unknown version, and
    Conflict in a project whose task is answering.
    """
    if task_of(session) == ANSWERING:
        raise Conflict(gettext("A chat model learns from clicks alone: initial training is for models that rewrite."))
    try:
        plan = SFTPlan.from_mapping(config)
        body, name = uploads.read(plan.dataset)
        file = read_pairs_from(body, name, Columns(plan.source_column, plan.target_column))
        file.check_usable()
    except (RecipeError, UploadMissing, PairFileError) as error:
        raise Invalid(str(error)) from None
    if not 0 <= plan.version < 2**31:  # the range of the database's integers
        raise NotFound(gettext("There is no version %(number)s.", number=plan.version))

    def make() -> TrainingRun:
        if plan.version:
            versions.usable(session, plan.version, locked=True)
        return TrainingRun(pairs=len(file.unique_pairs), data_hash=plan.dataset)

    return runs.add(session, user_id, RunRequest("sft", dict(config), parent_version=plan.version or None), make)


def _read(body: bytes, name: str, columns: Columns) -> PairFile:
    try:
        return read_pairs_from(body, name, columns, unpacked=LARGEST_UNPACKED)
    except PairFileError as error:
        raise Malformed(str(error)) from None


def _cut(text: str) -> str:
    return text if len(text) <= _SAMPLE_CHARACTERS else f"{text[:_SAMPLE_CHARACTERS]}…"


def _problems(file: PairFile) -> list[dict[str, Any]]:
    return [{"line": problem.line, "reason": problem.reason} for problem in file.problems[:_SHOWN_PROBLEMS]]


def _used(session: Session) -> set[str]:
    """Return the hashes of all data sets of runs, past and waiting."""
    configs = session.scalars(select(TrainingRun.config).where(TrainingRun.method == METHOD))
    return {str(config.get("dataset")) for config in configs}
