"""Judgments as records of the field's own schemas: as pairs, or as what several people said of the same texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from app.services.exchange.incoming.beside import METADATA
from app.services.exchange.judged_screens import JudgedScreen, People
from app.services.exchange.outgoing.screen_records import Record, Screens, argilla, labelstudio
from app.services.prompts import metadata
from app.words import N_
from models.formats import WRITERS, Message, Text
from models.formats.schemas.conversation import said_by_assistant, said_by_user
from models.formats.schemas.instructions import STUDIO_INSTRUCTION

INSTRUCTION = STUDIO_INSTRUCTION


class Pair(NamedTuple):
    """A preference row, as far as it is exported.

    Key and verdict are those of its judgment, `metadata` are those of its prompt. In an answering project `before` are
    the messages before the prompt; elsewhere it is None.
    """

    judgment_id: int
    prompt: str
    chosen: str
    rejected: str
    key: str = ""
    verdict: str = ""
    metadata: Mapping[str, Any] | None = None
    before: Sequence[Message] | None = None

    @property
    def asked(self) -> Text:
        """Return the prompt: a text, or a conversation."""
        return self.prompt if self.before is None else [*self.before, *said_by_user(self.prompt)]

    def said(self, answer: str) -> Text:
        """Return one of the answers: a text, or a message."""
        return answer if self.before is None else said_by_assistant(answer)


Judged = Sequence[Pair]
"""The preference rows of one judgment: of a tie, each of the tied texts against each of the others."""
Render = Callable[[Judged], Iterator[Record]]
RenderScreens = Callable[[Screens, People], Record]


def trl(rows: Judged) -> Iterator[Record]:
    """TRL's preferences, of texts, or of messages in an answering project."""
    for row in rows:
        yield {"prompt": row.asked, "chosen": row.said(row.chosen), "rejected": row.said(row.rejected)}


def trl_chat(rows: Judged) -> Iterator[Record]:
    """TRL's preferences, of messages."""
    for row in rows:
        yield {
            "prompt": [*(row.before or ()), *said_by_user(row.prompt)],
            "chosen": said_by_assistant(row.chosen),
            "rejected": said_by_assistant(row.rejected),
        }


def kto(rows: Judged) -> Iterator[Record]:
    """TRL's unpaired preferences: each text once, true if it was chosen; of a ranking the first one was."""
    beaten = {row.rejected for row in rows}  # in a ranking, what is preferred to one text may be behind another
    best = [text for text in _chosen(rows) if text not in beaten] or [rows[0].chosen]
    for label, texts in ((True, best), (False, _rejected(rows, rows[0].chosen))):
        for text in texts:
            yield {"prompt": rows[0].asked, "completion": rows[0].said(text), "label": label}


def seed(rows: Judged) -> Iterator[Record]:
    """The studio's own JSON: a record for each chosen text. A conversation is called `prompt` in it."""
    name = "toxic" if rows[0].before is None else "prompt"
    for chosen in _chosen(rows):
        yield {name: rows[0].asked, "chosen": chosen, "rejected": _rejected(rows, chosen)}


def llamafactory(rows: Judged) -> Iterator[Record]:
    """LLaMA-Factory's preferences; a conversation has its turns in `history`."""
    for row in rows:
        if row.before is not None:
            (record,) = trl([row])
            yield WRITERS["llamafactory"].record(record)
            continue
        yield {"instruction": INSTRUCTION, "input": row.prompt, "chosen": row.chosen, "rejected": row.rejected}


def hh(rows: Judged) -> Iterator[Record]:
    """Anthropic's HH-RLHF: two whole transcripts; raises BadRow for a text that would begin a turn of its own."""
    for record in trl(rows):
        yield WRITERS["hh"].record(record)


def with_metadata(record: Record, format_name: str, told: Mapping[str, Any] | None) -> Record:
    """Return the record of pairs with the metadata of its prompt.

    Where rows are read as tables they are a JSON text, so that the column has one type whatever they hold.
    """
    if format_name == "seed":
        return {**record, METADATA: dict(told or {})}
    return {**record, METADATA: metadata.as_text(told)}


def _chosen(rows: Judged) -> list[str]:
    return list(dict.fromkeys(row.chosen for row in rows))


def _rejected(rows: Judged, chosen: str) -> list[str]:
    """Return what a chosen text was preferred to; two candidates of a screen that say the same are two."""
    return [row.rejected for row in rows if row.chosen == chosen]


def same_texts(screens: Iterable[JudgedScreen]) -> Iterator[Screens]:
    """Put together what was said of the same texts; `screens` come prompt by prompt, and memory holds one prompt's.

    Of a person who judged the same texts again the second judgment begins another group. A text written by hand is one
    of the texts.
    """
    for _, of_prompt in groupby(screens, key=attrgetter("prompt_id")):
        groups: dict[object, list[JudgedScreen]] = {}
        times: Counter[object] = Counter()
        for screen in of_prompt:
            texts = (*sorted(card.text for card in screen.cards), screen.edited, screen.system)
            times[screen.who, texts] += 1
            groups.setdefault((texts, times[screen.who, texts]), []).append(screen)
        yield from groups.values()


_LINES_OF_JSON = ("application/x-ndjson; charset=utf-8", "jsonl")
_JSON = ("application/json; charset=utf-8", "json")
_CSV = ("text/csv; charset=utf-8", "csv")

FormatName = Literal[
    "trl",
    "trl-chat",
    "kto",
    "seed",
    "llamafactory",
    "labelstudio",
    "argilla",
    "hh",
    "csv",
    "csv-spreadsheet",
    "judgments-csv",
    "judgments-csv-spreadsheet",
    "judgments-jsonl",
    "judgments-parquet",
]


@dataclass(frozen=True)
class ExportFormat:
    """A format of exports: its label, what it keeps of a judgment, and how it is sent."""

    label: str
    keeps: str
    media: tuple[str, str] = _LINES_OF_JSON
    """Its content type and the extension of its file."""

    @property
    def content_type(self) -> str:
        """The content type, with the encoding of a text."""
        return self.media[0]

    @property
    def extension(self) -> str:
        """The ending of the file's name."""
        return self.media[1]


_TEXTS = N_("the texts of each pair, and the key of its judgment")
_TEXTS_SAFELY = N_(
    "the texts of each pair, and the key of its judgment; "
    "an apostrophe before what a spreadsheet would run as a formula"
)
_TABLE = N_("everything: who, when, how long, what was shown where and what was said of it, skips and reasons too")
_TABLE_SAFELY = N_(
    "everything: who, when, how long, what was shown where and what was said of it, skips and reasons too; "
    "an apostrophe before what a spreadsheet would run as a formula"
)
FORMATS: Mapping[str, ExportFormat] = {
    "trl": ExportFormat(N_("TRL: prompt, chosen, rejected"), _TEXTS),
    "trl-chat": ExportFormat(N_("TRL, as messages"), _TEXTS),
    "kto": ExportFormat(
        N_("TRL for KTO: texts labelled good or bad"), N_("the texts, and those of screens of which none was good")
    ),
    "seed": ExportFormat(N_("Mellow's own: toxic, chosen, all rejected"), N_("the texts of each judgment")),
    "llamafactory": ExportFormat("LLaMA-Factory", _TEXTS),
    "labelstudio": ExportFormat(
        N_("Label Studio: tasks with a ranker"),
        N_('texts, order of the cards, person, time, seconds, skips and "none is good"'),
        _JSON,
    ),
    "argilla": ExportFormat(
        N_("Argilla: records with a ranking"),
        N_('texts, order of the cards, person, skips and "none is good"; no times'),
        _JSON,
    ),
    "hh": ExportFormat(N_("HH-RLHF transcripts"), N_("the texts of each pair that fit into a transcript")),
    "csv": ExportFormat(N_("CSV: prompt, chosen, rejected"), _TEXTS, _CSV),
    "csv-spreadsheet": ExportFormat(N_("CSV for spreadsheets: prompt, chosen, rejected"), _TEXTS_SAFELY, _CSV),
    "judgments-csv": ExportFormat(N_("Table of judgments: CSV"), _TABLE, _CSV),
    "judgments-csv-spreadsheet": ExportFormat(N_("Table of judgments: CSV for spreadsheets"), _TABLE_SAFELY, _CSV),
    "judgments-jsonl": ExportFormat(N_("Table of judgments: JSON Lines"), _TABLE),
    "judgments-parquet": ExportFormat(
        N_("Table of judgments: Parquet"), _TABLE, ("application/vnd.apache.parquet", "parquet")
    ),
}
PAIR_FORMATS: Mapping[str, Render] = {
    "trl": trl,
    "trl-chat": trl_chat,
    "kto": kto,
    "seed": seed,
    "llamafactory": llamafactory,
    "hh": hh,
    "csv": trl,
    "csv-spreadsheet": trl,
}
"""The formats that are made of preference pairs."""
SCREEN_FORMATS: Mapping[str, RenderScreens] = {
    "labelstudio": labelstudio,
    "argilla": argilla,
}
"""The formats of which a record is what several people said of the same texts."""
TABLE_FORMATS = ("judgments-csv", "judgments-csv-spreadsheet", "judgments-jsonl")
"""The formats of texts of which a record is one judgment."""
