"""Judgments as records of the field's own schemas: as pairs, or as what several people said of the same texts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from app.db import Verdict
from app.services.exchange.incoming.beside import METADATA
from app.services.exchange.judged_screens import JudgedScreen, People, Person
from app.services.prompts import metadata
from app.words import N_
from models.formats import WRITERS
from models.formats.files.column_names import TEXT_NAMES
from models.formats.schemas.conversation import said_by_assistant, said_by_user
from models.formats.schemas.instructions import STUDIO_INSTRUCTION

INSTRUCTION = STUDIO_INSTRUCTION
_READ_AS_TEXTS = frozenset({*TEXT_NAMES, "candidates"})
_OF_RESPONSES = frozenset({"judgment", "verdict", "person"})
EDITED = "edited"
"""The name of a text that was written by hand, among those of the cards."""


class Pair(NamedTuple):
    """A preference row, as far as it is exported.

    Key and verdict are those of its judgment, `metadata` are those of its prompt.
    """

    judgment_id: int
    prompt: str
    chosen: str
    rejected: str
    key: str = ""
    verdict: str = ""
    metadata: Mapping[str, Any] | None = None


Judged = Sequence[Pair]
"""The preference rows of one judgment: of a tie, each of the tied texts against each of the others."""
Record = dict[str, Any]
Render = Callable[[Judged], Iterator[Record]]
Screens = Sequence[JudgedScreen]
"""Judgments of several people of the same texts, one of each person; the cards may have stood in another order."""
RenderScreens = Callable[[Screens, People], Record]


def trl(rows: Judged) -> Iterator[Record]:
    """TRL's preferences, of texts."""
    for row in rows:
        yield {"prompt": row.prompt, "chosen": row.chosen, "rejected": row.rejected}


def trl_chat(rows: Judged) -> Iterator[Record]:
    """TRL's preferences, of messages."""
    for row in rows:
        yield {
            "prompt": said_by_user(row.prompt),
            "chosen": said_by_assistant(row.chosen),
            "rejected": said_by_assistant(row.rejected),
        }


def kto(rows: Judged) -> Iterator[Record]:
    """TRL's unpaired preferences: each text once, true if it was chosen."""
    for label, texts in ((True, _chosen(rows)), (False, _rejected(rows))):
        for text in texts:
            yield {"prompt": rows[0].prompt, "completion": text, "label": label}


def seed(rows: Judged) -> Iterator[Record]:
    """The studio's own JSON: a record for each chosen text."""
    for chosen in _chosen(rows):
        yield {"toxic": rows[0].prompt, "chosen": chosen, "rejected": _rejected(rows)}


def llamafactory(rows: Judged) -> Iterator[Record]:
    """LLaMA-Factory's preferences."""
    for row in rows:
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


def _rejected(rows: Judged) -> list[str]:
    # Not by their texts: two candidates of a screen that say the same were two.
    first = rows[0].chosen
    return [row.rejected for row in rows if row.chosen == first]


def same_texts(screens: Iterable[JudgedScreen]) -> Iterator[Screens]:
    """Put together what was said of the same texts; `screens` come prompt by prompt, and memory holds one prompt's.

    Of a person who judged the same texts again the second judgment begins another group. A text written by hand is one
    of the texts.
    """
    for _, of_prompt in groupby(screens, key=attrgetter("prompt_id")):
        groups: dict[object, list[JudgedScreen]] = {}
        times: Counter[object] = Counter()
        for screen in of_prompt:
            texts = (*sorted(card.text for card in screen.cards), screen.edited)
            times[screen.who, texts] += 1
            groups.setdefault((texts, times[screen.who, texts]), []).append(screen)
        yield from groups.values()


def labelstudio(screens: Screens, people: People) -> Record:
    """A task for a `<List name="candidates">` ranked by a `<Ranker name="rank" toName="candidates">`.

    Each judgment is an annotation; a skip is a cancelled one. Metadata whose name could be taken for that of a text is
    in `meta`, the rest in `data`.
    """
    first = screens[0]
    candidates = [{"id": name, "body": text} for name, text in _named_texts(first, "c")]
    told = first.metadata or {}
    apart = {name: value for name, value in told.items() if name.casefold() in _READ_AS_TEXTS}
    beside = {name: value for name, value in told.items() if name not in apart}
    return {
        "id": first.screen_id,
        "data": {**beside, "prompt": first.prompt, "candidates": candidates},
        **({"meta": apart} if apart else {}),
        "annotations": [_annotation(first, screen, people) for screen in screens],
    }


def argilla(screens: Screens, people: People) -> Record:
    """A record of Argilla's client whose question `ranking` ranks the response fields; those not best share rank 2.

    What has no ranking, a skip and "none is good", is a discarded response. The metadata hold those of the prompt, and
    what a response has no place for, in the order of the responses.
    """
    first = screens[0]
    told = first.metadata or {}
    return {
        "id": str(first.screen_id),
        "fields": {"prompt": first.prompt, **dict(_named_texts(first, "response-"))},
        METADATA: {
            **{f"prompt.{name}" if name in _OF_RESPONSES else name: value for name, value in told.items()},
            "judgment": [people.key(screen.key) for screen in screens],
            "verdict": [screen.verdict for screen in screens],
            "person": [people[screen.who].name for screen in screens],
        },
        "responses": {"ranking": [_response(first, screen, people[screen.who]) for screen in screens]},
    }


def _annotation(first: JudgedScreen, screen: JudgedScreen, people: People) -> Record:
    person = people[screen.who]
    best, others = _sides(first, screen, "c")
    skipped = screen.verdict == Verdict.SKIPPED
    result = {
        "id": f"rank-{screen.id}",
        "type": "ranker",
        "from_name": "rank",
        "to_name": "candidates",
        "value": {"ranker": {"chosen": best, "rejected": others}},
    }
    moment = screen.created_at.isoformat()
    return {
        "id": screen.id,
        "completed_by": person.number,
        "created_username": person.name,
        "created_at": moment,
        "updated_at": moment,
        "lead_time": screen.seconds,
        "was_cancelled": skipped,
        "ground_truth": screen.decision,
        "result": [] if skipped else [result],
        "judgment": people.key(screen.key),
        "verdict": screen.verdict,
    }


def _response(first: JudgedScreen, screen: JudgedScreen, person: Person) -> Record:
    best, others = _sides(first, screen, "response-")
    ranking = [{"value": name, "rank": rank} for rank, side in ((1, best), (2, others)) for name in side]
    ranked = screen.verdict not in (Verdict.SKIPPED, Verdict.NONE)
    return {
        "value": ranking if ranked else None,
        "user_id": str(person.uuid),
        "status": "submitted" if ranked else "discarded",
    }


def _named_texts(screen: JudgedScreen, prefix: str) -> list[tuple[str, str]]:
    """The texts that are judged: the cards by their places on the screen, and what was written instead of them."""
    cards = [(f"{prefix}{place}", card.text) for place, card in enumerate(screen.cards, start=1)]
    return cards if screen.edited is None else [*cards, (EDITED, screen.edited)]


def _sides(first: JudgedScreen, screen: JudgedScreen, prefix: str) -> tuple[list[str], list[str]]:
    """The names of the texts said to be best and of the others, by the cards of the first of the screens.

    Each side is in the order in which the person saw it.
    """
    free: dict[str, list[str]] = defaultdict(list)
    for place, card in reversed(list(enumerate(first.cards, start=1))):
        free[card.text].append(f"{prefix}{place}")
    named = [(free[card.text].pop(), card.best) for card in screen.cards]
    best = [name for name, is_best in named if is_best]
    return (best if screen.edited is None else [EDITED]), [name for name, is_best in named if not is_best]


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
