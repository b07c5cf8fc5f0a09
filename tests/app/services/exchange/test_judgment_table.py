"""The table of judgments, as CSV, JSON Lines and Parquet: who, when, how long, what was shown where, what was said."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.db import Judgment, User, Verdict
from app.services.desk import judgments
from app.services.exchange import exports, judgment_table
from app.services.exchange.judged_screens import Card, JudgedScreen, People, Person
from app.services.exchange.judgment_search import JudgmentFilter
from tests import factories
from tests.studio import Person as Account

MADE = datetime(2026, 11, 29, 9, 30, 15, 250_000, UTC)
AWKWARD = st.sampled_from("\r\n\t\",;'=+-@ \\\x01\x1b\x85\u2028\ufeff🤷🏽")
TEXTS = st.text(AWKWARD | st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(str.strip)
"""Texts as people and models may write them: nothing that is stored is empty or holds a NUL or a lone surrogate."""


@st.composite
def screens(draw: st.DrawFn) -> JudgedScreen:
    texts = draw(st.lists(TEXTS, min_size=1, max_size=4))
    verdict = draw(st.sampled_from(list(Verdict)))
    places = st.sets(st.integers(0, len(texts) - 1), min_size=1)
    best = draw(places) if verdict == Verdict.TIE else {0} if verdict == Verdict.CHOSEN else set()
    versions = st.none() | st.integers(1, 2**31 - 1)
    ratings, tags = st.none() | st.integers(1, 5), st.lists(TEXTS, max_size=2)
    ranked = verdict == Verdict.CHOSEN and draw(st.booleans())
    order = [1, *draw(st.permutations(range(2, len(texts) + 1)))] if ranked else [None] * len(texts)
    return JudgedScreen(
        id=draw(st.integers(1)),
        key=draw(st.uuids()).hex,
        who=1,
        created_at=draw(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))),
        seconds=draw(st.none() | st.floats(0, 1e6)),
        verdict=verdict,
        edited=draw(TEXTS) if verdict == Verdict.EDITED else None,
        reason=draw(st.none() | TEXTS),
        flagged=draw(st.booleans()),
        screen_id=1,
        gold=draw(st.booleans()),
        prompt_id=1,
        prompt=draw(TEXTS),
        source=draw(TEXTS),
        cards=tuple(
            Card(text, draw(versions), place in best, order[place], draw(ratings), tuple(draw(tags)))
            for place, text in enumerate(texts)
        ),
        comment=draw(st.none() | TEXTS),
    )


class Named(dict[int, Person]):
    """People by their names, without a database."""

    def key(self, key: str) -> str:
        return key


def table(made: list[JudgedScreen], name: str = "Ada") -> list[dict[str, Any]]:
    people = cast("People", Named({1: Person(name, 1, UUID(int=1))}))
    return list(judgment_table.rows(iter(made), people))


LISTS = ("ranking", "ratings", "tags")


def as_stored(row: dict[str, Any]) -> dict[str, Any]:
    """The row of a file with its time as a moment, which CSV and JSON hold as a text."""
    return {**row, "created_at": datetime.fromisoformat(row["created_at"])}


def from_cells(cells: dict[str, str]) -> dict[str, Any]:
    """The row that the cells of a CSV stand for."""
    read = {"candidates", "tied", "versions", "flagged", "gold", "position", "version", "seconds", *LISTS}
    return {name: (json.loads(cell) if name in read else cell) if cell else None for name, cell in cells.items()}


@settings(max_examples=40)
@given(st.lists(screens(), max_size=4), TEXTS)
def test_whatever_was_said_is_read_back_equal_from_every_table(made: list[JudgedScreen], name: str) -> None:
    rows = table(made, name)
    lines = "".join(judgment_table.json_lines(iter(rows)))
    assert [as_stored(json.loads(line)) for line in lines.split("\n")[:-1]] == rows
    text = "".join(judgment_table.csv_lines(iter(rows)))
    assert [as_stored(from_cells(cells)) for cells in csv.DictReader(io.StringIO(text, newline=""))] == rows
    assert pq.read_table(io.BytesIO(b"".join(judgment_table.parquet(iter(rows))))).to_pylist() == rows


@pytest.mark.long
@settings(max_examples=40)
@given(st.lists(screens(), min_size=1, max_size=4))
def test_pandas_reads_every_table_as_the_same(made: list[JudgedScreen]) -> None:
    rows = table(made)
    content = "".join(judgment_table.csv_lines(iter(rows))).encode()
    read = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    assert [as_stored(from_cells(cells)) for cells in read.to_dict("records")] == rows
    packed = io.BytesIO(b"".join(judgment_table.parquet(iter(rows))))
    read = pd.read_parquet(packed)
    assert list(read.columns) == list(judgment_table.COLUMNS)
    assert read["prompt"].tolist() == [row["prompt"] for row in rows]
    assert [list(texts) for texts in read["candidates"]] == [row["candidates"] for row in rows]
    assert [moment.to_pydatetime() for moment in read["created_at"]] == [row["created_at"] for row in rows]
    lines = "".join(judgment_table.json_lines(iter(rows))).encode()
    read = pd.read_json(io.BytesIO(lines), lines=True, dtype=False)
    assert read["candidates"].tolist() == [row["candidates"] for row in rows]


def made_by(session: Session, person: Account) -> dict[str, Judgment]:
    """A judgment of each kind, of which the chosen card stood second."""
    cards = {"chosen": {}, "edited": {"edited_text": "=you, too"}, "tie": {}, "none": {}}
    made = {}
    for verdict, values in cards.items():
        screen = factories.generation(session, person.id, ["a", "b", "c"], prompt=factories.prompt(session, verdict))
        chosen = screen.candidates[1].id if verdict == "chosen" else None
        made[verdict] = factories.judgment(
            session, screen, pairs=False, verdict=verdict, candidate_id=chosen, created_at=MADE, **values
        )
    made["tie"].tied = [card.id for card in made["tie"].generation.candidates[1:]]
    made["chosen"].seconds = 4.5
    made["chosen"].flagged = True
    screen = factories.generation(session, person.id, ["x"], prompt=factories.prompt(session, "skipped", source="api"))
    made["skipped"] = factories.judgment(
        session, screen, pairs=False, verdict="skipped", candidate_id=None, reason="no, idea", created_at=MADE
    )
    session.commit()
    return made


def read_table(content: Iterator[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(content).decode().split("\n")[:-1]]


def test_a_row_says_who_when_how_long_what_was_shown_where_and_what_was_said(
    session: Session, annotator: Account
) -> None:
    made = made_by(session, annotator)
    chosen, edited, tie, none, skipped = read_table(exports.content(session, "judgments-jsonl"))
    name = session.get_one(User, annotator.id).email
    assert chosen == {
        "judgment": made["chosen"].client_key,
        "prompt": "chosen",
        "candidates": ["a", "b", "c"],
        "verdict": "chosen",
        "position": 2,
        "tied": [],
        "chosen": "b",
        "person": name,
        "created_at": "2026-11-29T09:30:15.250000+00:00",
        "seconds": 4.5,
        "version": 1,
        "versions": [1, 1, 1],
        "source": "test",
        "reason": None,
        "flagged": True,
        "gold": False,
        "ranking": [],
        "ratings": [],
        "tags": [],
        "comment": None,
        "kind": "opinion",
        "decided_by": None,
    }
    assert (edited["position"], edited["chosen"], edited["version"]) == (None, "=you, too", None)
    assert (tie["position"], tie["tied"], tie["chosen"]) == (None, [2, 3], None)
    assert (none["position"], none["tied"], none["chosen"]) == (None, [], None)
    assert (skipped["verdict"], skipped["reason"], skipped["source"]) == ("skipped", "no, idea", "api")


def test_all_three_tables_hold_the_same_rows_in_the_order_of_the_judgments(
    session: Session, annotator: Account
) -> None:
    made_by(session, annotator)
    lines = read_table(exports.content(session, "judgments-jsonl"))
    text = b"".join(exports.content(session, "judgments-csv")).decode()
    assert [from_cells(cells) for cells in csv.DictReader(io.StringIO(text, newline=""))] == lines
    packed = pq.read_table(io.BytesIO(b"".join(exports.content(session, "judgments-parquet"))))
    assert packed.to_pylist() == [as_stored(row) for row in lines]
    assert [row["verdict"] for row in lines] == ["chosen", "edited", "tie", "none", "skipped"]


def test_attention_checks_are_rows_and_say_so_and_undone_judgments_are_not(
    session: Session, annotator: Account
) -> None:
    check = factories.judgment(session, factories.generation(session, annotator.id, gold=True), pairs=False)
    undone = factories.judgment(session, factories.generation(session, annotator.id))
    judgments.undo(session, annotator.id, undone.id)
    (row,) = read_table(exports.content(session, "judgments-jsonl"))
    assert (row["judgment"], row["gold"]) == (check.client_key, True)


def test_a_table_is_of_what_a_filter_finds(session: Session, annotator: Account) -> None:
    made_by(session, annotator)
    for wanted, verdicts in ((JudgmentFilter(verdict="tie"), ["tie"]), (JudgmentFilter(flagged=True), ["chosen"])):
        rows = read_table(exports.content(session, "judgments-jsonl", wanted))
        assert [row["verdict"] for row in rows] == verdicts


def test_a_table_of_nothing_has_its_columns(session: Session) -> None:
    assert b"".join(exports.content(session, "judgments-csv")).decode() == ",".join(judgment_table.COLUMNS) + "\r\n"
    assert b"".join(exports.content(session, "judgments-jsonl")) == b""
    packed = pq.read_table(io.BytesIO(b"".join(exports.content(session, "judgments-parquet"))))
    assert (packed.num_rows, packed.column_names) == (0, list(judgment_table.COLUMNS))


def test_parquet_is_written_in_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judgment_table, "_ROWS_IN_A_GROUP", 2)
    screen = JudgedScreen(
        1, "k", 1, MADE, 1.0, "none", None, None, False, 1, False, 1, "p", "s", (Card("a", 1, False),)
    )
    pieces = list(judgment_table.parquet(iter(table([screen] * 5))))
    assert len(pieces) == 4, "three groups and what is said of them at the end"
    assert pq.ParquetFile(io.BytesIO(b"".join(pieces))).num_row_groups == 3
