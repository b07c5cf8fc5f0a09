"""The table of judgments: a row for each, with who, when, how long, what was shown where and what was said of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any, cast

from app.db import Verdict
from app.services.exchange.incoming.beside import METADATA
from app.services.exchange.judged_screens import JudgedScreen, People
from app.services.prompts import metadata
from models.formats.annotations import DECISION, OPINION
from models.formats.csv_lines import PLAIN, CsvForm

COLUMNS = (
    "judgment",
    "prompt",
    "candidates",
    "verdict",
    "position",
    "tied",
    "chosen",
    "person",
    "created_at",
    "seconds",
    "version",
    "versions",
    "source",
    "reason",
    "flagged",
    "gold",
    "ranking",
    "ratings",
    "tags",
    "comment",
    "kind",
    "decided_by",
)
OF_ANSWERING = ("turns", "system")
_ROWS_IN_A_GROUP = 1_000
_encode = json.JSONEncoder(ensure_ascii=False).encode
Row = dict[str, Any]


def columns(told: bool, answering: bool = False) -> tuple[str, ...]:
    """Return the columns; `told` adds one for the metadata of the prompts, which are a JSON text in every form.

    An `answering` project has two more, for the turns before the prompts and the system messages.
    """
    return (*COLUMNS, *(OF_ANSWERING if answering else ()), *((METADATA,) if told else ()))


def rows(screens: Iterable[JudgedScreen], people: People, told: bool = False) -> Iterator[Row]:
    """Yield a row for each judgment, with a value for each of the columns; positions are counted from 1.

    Ratings and tags have a place for each card, unless no card has any.
    """
    for screen in screens:
        best = [position for position, card in enumerate(screen.cards, start=1) if card.best]
        chosen = screen.cards[best[0] - 1] if screen.verdict == Verdict.CHOSEN else None
        row: Row = {
            "judgment": people.key(screen.key),
            "prompt": screen.prompt,
            "candidates": [card.text for card in screen.cards],
            "verdict": screen.verdict,
            "position": best[0] if chosen else None,
            "tied": best if screen.verdict == Verdict.TIE else [],
            "chosen": chosen.text if chosen else screen.edited,
            "person": people[screen.who].name,
            "created_at": screen.created_at,
            "seconds": screen.seconds,
            "version": chosen.version if chosen else None,
            "versions": [card.version for card in screen.cards],
            "source": screen.source,
            "reason": screen.reason,
            "flagged": screen.flagged,
            "gold": screen.gold,
            "ranking": _ranking(screen),
            "ratings": [card.rating for card in screen.cards] if any(card.rating for card in screen.cards) else [],
            "tags": [list(card.tags) for card in screen.cards] if any(card.tags for card in screen.cards) else [],
            "comment": screen.comment,
            "kind": DECISION if screen.decision else OPINION,
            "decided_by": people.key(screen.decided_by) if screen.decided_by else None,
        }
        if screen.turns is not None:
            row |= {"turns": list(screen.turns), "system": screen.system or None}
        yield row | {METADATA: metadata.as_text(screen.metadata)} if told else row


def _ranking(screen: JudgedScreen) -> list[int]:
    """Return the positions of the cards, that of the best first; none if they were not ranked."""
    placed = [(card.place, position) for position, card in enumerate(screen.cards, start=1) if card.place]
    return [position for _, position in sorted(placed)]


def json_lines(table: Iterator[Row]) -> Iterator[str]:
    """Yield a line of JSON for each row."""
    return (_encode(_timed(row)) + "\n" for row in table)


def csv_lines(
    table: Iterator[Row], told: bool = False, form: CsvForm = PLAIN, *, answering: bool = False
) -> Iterator[str]:
    """Yield the lines of a CSV: lists are JSON in it, and an empty cell says that there is nothing."""
    yield form.header(columns(told, answering))
    for row in table:
        yield form.line([_cell(value) for value in _timed(row).values()])


def parquet(table: Iterator[Row], told: bool = False, *, answering: bool = False) -> Iterator[bytes]:
    """Yield a Parquet file piece by piece, a row group each; memory holds one of them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, whole = pa.string(), pa.int64()
    kinds = {
        "candidates": pa.list_(text),
        "position": whole,
        "tied": pa.list_(whole),
        "created_at": pa.timestamp("us", tz="UTC"),
        "seconds": pa.float64(),
        "version": whole,
        "versions": pa.list_(whole),
        "flagged": pa.bool_(),
        "gold": pa.bool_(),
        "ranking": pa.list_(whole),
        "ratings": pa.list_(whole),
        "tags": pa.list_(pa.list_(text)),
        "turns": pa.list_(pa.struct([("role", text), ("content", text)])),
    }
    schema = pa.schema([(name, kinds.get(name, text)) for name in columns(told, answering)])
    written = Written()
    with pq.ParquetWriter(pa.PythonFile(cast("IO[bytes]", written), mode="w"), schema) as writer:
        while group := list(islice(table, _ROWS_IN_A_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema))
            group.clear()  # before the next ones are read
            yield written.take()
    yield written.take()


def _timed(row: Row) -> Row:
    """Return the row with its time as a text: ISO 8601, UTC."""
    return {**row, "created_at": row["created_at"].isoformat()}


def _cell(value: object) -> object:
    return _encode(value) if isinstance(value, list | bool) else value


class Written:
    """A file to write to, out of which what was written is taken."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        """Keep a piece until it is taken."""
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Do nothing: what was written can be taken at once."""

    def close(self) -> None:
        """Do nothing: the end of the file is still to be taken."""

    def take(self) -> bytes:
        """Return what was written since the last call."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
