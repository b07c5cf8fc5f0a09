"""Rows in the forms that other tools read; what one of them cannot hold is refused, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from models.formats.files.problems import Problem
from models.formats.rows import BadRow, Kind, Message, Row, Text
from models.formats.schemas.conversation import said_by_assistant, said_by_user
from models.formats.schemas.transcripts import as_transcript

Record = dict[str, object]
Numbered = tuple[Row, int]
"""A row, and the line it comes from."""


@dataclass(frozen=True)
class Writer:
    """A form to write: the kind of row it holds (None: whatever there is) and what becomes of one of them.

    `merge(last, record)` adds a record to the one before where both belong together, and says whether it did.
    """

    name: str
    kind: Kind | None
    what: str
    record: Callable[[Row], Record]
    extensions: Sequence[str] = ("jsonl", "ndjson", "json")
    merge: Callable[[Record, Record], bool] | None = None


def write_records(rows: Iterable[Numbered], writer: Writer) -> Iterator[Record | Problem]:
    """The records of the rows, in order; a Problem for each row that the form cannot hold."""
    last: Record | None = None
    for row, line in rows:
        try:
            record = writer.record(row)
        except BadRow as reason:
            yield Problem(line, str(reason))
            continue
        record |= {name: row[name] for name in ("objective", "weight") if name in row}
        if writer.merge is None:
            yield record
        elif last is None or not writer.merge(last, record):
            if last is not None:
                yield last
            last = record
    if last is not None:
        yield last


def _as_it_is(row: Row) -> Record:
    return dict(row)


def _chat_preference(row: Row) -> Record:
    record: Record = {"prompt": _asked(row["prompt"])}
    return record | {name: _answered(row[name]) for name in ("chosen", "rejected")}


def _conversation(row: Row) -> Record:
    return {"messages": [*_asked(row["prompt"]), *_answered(row["completion"])]}


def _transcripts(row: Row) -> Record:
    return {name: as_transcript(row["prompt"], row[name]) for name in ("chosen", "rejected")}


def _seed(row: Row) -> Record:
    return {
        "toxic": _plain(row["prompt"]),
        "chosen": _plain(row["chosen"]),
        "rejected": [_plain(row["rejected"])],
    }


def _merge_seed(last: Record, record: Record) -> bool:
    """Add the rejected text to the record before, if both are of one text and one choice."""
    if any(last.get(name) != record.get(name) for name in ("toxic", "chosen", "objective", "weight")):
        return False
    before, more = last["rejected"], record["rejected"]
    assert isinstance(before, list)
    assert isinstance(more, list)
    before += more
    return True


def _alpaca(row: Row) -> Record:
    return _instruction(row["prompt"]) | {"output": _plain(row["completion"])}


def _llamafactory(row: Row) -> Record:
    return _instruction(row["prompt"]) | {name: _plain(row[name]) for name in ("chosen", "rejected")}


def _table(row: Row) -> Record:
    return {name: _plain(row[name]) for name in ("prompt", "chosen", "rejected")}


def _tabbed(row: Row) -> Record:
    record = _table(row)
    if any("\t" in str(text) for text in record.values()):
        raise BadRow("a text holds a tab, which parts the columns")
    return record


def _instruction(prompt: Text) -> Record:
    """Return the prompt in the columns of Alpaca; earlier turns and a system text get those of LLaMA-Factory."""
    if isinstance(prompt, str):
        return {"instruction": prompt, "input": ""}
    turns = list(prompt)
    system = turns.pop(0)["content"] if turns[0]["role"] == "system" else ""
    if [turn["role"] for turn in turns] != ["user", "assistant"] * (len(turns) // 2) + ["user"]:
        raise BadRow("the turns of its prompt do not alternate between user and assistant")
    texts = [turn["content"] for turn in turns]
    record: Record = {"instruction": texts[-1], "input": ""}
    history = [list(exchange) for exchange in zip(texts[:-1:2], texts[1::2], strict=True)]
    return record | ({"system": system} if system else {}) | ({"history": history} if history else {})


def _plain(value: Text) -> str:
    """A text, or the text of the only message."""
    if isinstance(value, str):
        return value
    if len(value) > 1:
        raise BadRow("a conversation of several turns has no place in this format")
    return value[0]["content"]


def _asked(value: Text) -> list[Message]:
    return said_by_user(value) if isinstance(value, str) else value


def _answered(value: Text) -> list[Message]:
    return said_by_assistant(value) if isinstance(value, str) else value


WRITERS: Mapping[str, Writer] = {
    writer.name: writer
    for writer in (
        Writer("trl", Kind.PREFERENCE, "prompt, chosen, rejected, of texts or of messages", _as_it_is),
        Writer("trl-chat", Kind.PREFERENCE, "prompt, chosen, rejected, all of messages", _chat_preference),
        Writer("kto", Kind.UNPAIRED, "prompt, completion, label", _as_it_is),
        Writer("completion", Kind.COMPLETION, "prompt, completion", _as_it_is),
        Writer("chat", Kind.COMPLETION, "messages, the answer last", _conversation),
        Writer("prompt", Kind.PROMPT, "each prompt once", _as_it_is),
        Writer("ranked", Kind.RANKED, "prompt, responses best first, scores if there are any", _as_it_is),
        Writer("seed", Kind.PREFERENCE, "the studio's JSON: toxic, chosen, all rejected", _seed, merge=_merge_seed),
        Writer("llamafactory", Kind.PREFERENCE, "instruction, input, chosen, rejected", _llamafactory),
        Writer("alpaca", Kind.COMPLETION, "instruction, input, output", _alpaca),
        Writer("hh", Kind.PREFERENCE, "chosen and rejected as transcripts", _transcripts),
        Writer("csv", Kind.PREFERENCE, "a table of prompt, chosen, rejected", _table, ("csv",)),
        Writer("tsv", Kind.PREFERENCE, "the same, parted by tabs", _tabbed, ("tsv",)),
        Writer("jsonl", None, "the rows of the kind that the data has, in TRL's shape", _as_it_is),
    )
}
"""Every form that can be written, by its name."""
