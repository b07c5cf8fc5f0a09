"""A data set as a zip: a card and one Parquet file, which `datasets.load_dataset` reads once it is unpacked."""

from __future__ import annotations

import hashlib
import io
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Literal, cast

from sqlalchemy.orm import Session

from app.db import ANSWERING, task_of
from app.domain_errors import Conflict
from app.services.exchange import exports, identity
from app.services.exchange.hub import judgment_rows
from app.services.exchange.hub.card import MESSAGES, MOMENT, SPLIT, Column, Figures, card
from app.services.exchange.incoming.beside import METADATA
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.judgment_table import Row
from app.services.exchange.outgoing import manifest
from app.services.exchange.outgoing.redaction import Choices, Redactor
from app.services.prompts import metadata
from app.words import N_, gettext

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_IN_A_GROUP = 5_000
_FILE = f"data/{SPLIT}-00000-of-00001.parquet"
_NOTHING = N_("There is nothing to export: no judgment that stands fits.")
_ALL_LEFT_OUT = N_("There is nothing to export: every judgment that fits would be left out.")
_TOLD = Column("string", "what is known of the prompt besides, as JSON")

Contents = Literal["pairs", "judgments"]


@dataclass(frozen=True)
class _DataSet:
    """The content of a data set: `rows` yields them, with the metadata of their prompts if these are wanted.

    An answering project has another `about`, and other columns where `of_answering` names some.
    """

    title: str
    about: str
    about_of_answering: str
    columns: dict[str, Column]
    of_answering: dict[str, Column]
    rows: Callable[[Session, JudgmentFilter, bool, Redactor], Iterator[Row]]


def archive(
    session: Session, contents: Contents, wanted: JudgmentFilter | None = None, choices: Choices | None = None
) -> IO[bytes]:
    """Return a zip of what stands of the judgments that are wanted, as an open file that is gone once it is closed.

    Its manifest says what the choices have changed.

    It lies on the disk; memory holds some thousand rows. Raises Conflict if there are no rows.
    """
    kept = _DATA_SETS[contents]
    standing = replace(wanted or JudgmentFilter(), undone=False)
    told = exports.has_metadata(session, standing)
    answering = task_of(session) == ANSWERING
    columns = kept.columns | (kept.of_answering if answering else {})
    columns |= {METADATA: _TOLD} if told else {}
    redactor = Redactor(session, choices or Choices())
    with tempfile.TemporaryFile() as table:
        count, num_bytes = _write(table, columns, redactor.counted(kept.rows(session, standing, told, redactor)))
        if not count:
            raise Conflict(gettext(_ALL_LEFT_OUT if redactor.tally.judgments else _NOTHING))
        about = kept.about_of_answering if answering else kept.about
        text = card(kept.title, about, columns, Figures(count, num_bytes, table.seek(0, io.SEEK_END)))
        table.seek(0)
        sha256 = hashlib.file_digest(cast(Any, table), "sha256").hexdigest()
        what = {"file": _FILE, "project": manifest.slug(session), "contents": contents, "pseudonyms": True}
        said = manifest.manifest(redactor, standing, sha256, **what)
        table.seek(0)
        return _zipped({"README.md": text, manifest.MANIFEST: manifest.as_text(said)}, table)


def _write(table: IO[bytes], columns: Mapping[str, Column], rows: Iterator[Row]) -> tuple[int, int]:
    """Write the rows as Parquet; returns how many there are, and how many bytes they take in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _arrow(column)) for name, column in columns.items()])
    count = num_bytes = 0
    with pq.ParquetWriter(table, schema) as writer:
        while group := list(islice(rows, _ROWS_IN_A_GROUP)):
            made = pa.Table.from_pylist(group, schema)
            writer.write_table(made)
            count, num_bytes = count + made.num_rows, num_bytes + made.nbytes
    return count, num_bytes


def _arrow(column: Column) -> pa.DataType:
    import pyarrow as pa

    if column.kind == MOMENT:
        return pa.timestamp("us", tz="UTC")
    if column.kind == MESSAGES:
        return pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    if column.element:
        return pa.list_(pa.type_for_alias(column.element))
    return pa.type_for_alias(column.kind)


def _zipped(texts: Mapping[str, str], table: IO[bytes]) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whoever sends it
    with zipfile.ZipFile(file, "w") as made:
        for name, text in texts.items():
            made.writestr(zipfile.ZipInfo(name), text)
        with made.open(zipfile.ZipInfo(_FILE), "w", force_zip64=True) as place:  # Parquet is compressed already
            shutil.copyfileobj(table, place)
    file.seek(0)
    return file


def _pairs(session: Session, wanted: JudgmentFilter, told: bool, redactor: Redactor) -> Iterator[Row]:
    secret = secrets.token_bytes(32)
    for pair in redactor.pairs(exports.pairs(session, wanted, told=told)):
        texts = {"prompt": pair.asked, "chosen": pair.said(pair.chosen), "rejected": pair.said(pair.rejected)}
        row = identity.identified(texts, identity.blinded(pair.key, secret), pair.verdict)
        yield row | {METADATA: metadata.as_text(pair.metadata)} if told else row


_DATA_SETS: Mapping[Contents, _DataSet] = {
    "pairs": _DataSet(
        "Preference pairs",
        "Each row is a prompt and two rewrites of it, of which a person preferred one; the columns are those of TRL. "
        "It was made in Mellow, where people compare the rewrites of a model.",
        "Each row is a conversation and two answers to it, of which a person preferred one; the columns are TRL's. "
        "It was made in Mellow, where people compare the answers of a model.",
        {
            "prompt": Column("string", "the text to rewrite"),
            "chosen": Column("string", "the rewrite that was preferred"),
            "rejected": Column("string", "a rewrite that was shown beside it"),
            identity.JUDGMENT: Column("string", "the identity of the judgment, the same for all of its pairs"),
            identity.VERDICT: Column(
                "string", "what was said: `chosen`, `edited`, `fine` (the prompt needs no rewrite) or `tie`"
            ),
        },
        {
            "prompt": Column(MESSAGES, "the conversation to answer"),
            "chosen": Column(MESSAGES, "the answer that was preferred"),
            "rejected": Column(MESSAGES, "an answer that was shown beside it"),
        },
        _pairs,
    ),
    "judgments": _DataSet(
        "Judgments",
        "Each row is one judgment: what was shown to a person, in that order, and what they said of it. It was made in "
        "Mellow, where people compare the rewrites of a model. People have numbers, drawn for this data set alone.",
        "Each row is one judgment: what was shown to a person, in that order, and what they said of it. It was made in "
        "Mellow, where people compare the answers of a model. People have numbers, drawn for this data set alone.",
        judgment_rows.COLUMNS,
        judgment_rows.OF_ANSWERING,
        judgment_rows.rows,
    ),
}
