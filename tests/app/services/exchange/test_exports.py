"""Exports, line by line in each schema of the field."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any, get_args

import pyarrow.parquet as pq
import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, Preference, Prompt
from app.services.desk import judgments
from app.services.exchange import exports, judgment_table
from app.services.exchange.export_formats import Pair
from app.services.exchange.exports import INSTRUCTION, FormatName
from app.services.exchange.identity import identified
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.rows import RowFile
from tests import factories
from tests.app.services.exchange.conftest import many_judgments, store
from tests.studio import Person, rows

P1, P2 = "you are stupid", 'zwei\u2028Zeilen "und" 👩🏽‍🚀'


@pytest.fixture
def judged(session: Session, annotator: Person) -> list[Judgment]:
    """Two judgments that stand, of two rows and of one, and between them one that was undone."""
    texts = (P1, ["a", "b", "c"]), ("undone", ["x", "y", "z"]), (P2, ["ä", "ö"])
    made = []
    for source, candidates in texts:
        prompt = factories.prompt(session, source)
        made.append(factories.judgment(session, factories.generation(session, annotator.id, candidates, prompt=prompt)))
    judgments.undo(session, annotator.id, made[1].id)
    return made


def expected(format_name: str) -> list[dict[str, Any]]:
    match format_name:
        case "trl":
            return [
                {"prompt": P1, "chosen": "a", "rejected": "b"},
                {"prompt": P1, "chosen": "a", "rejected": "c"},
                {"prompt": P2, "chosen": "ä", "rejected": "ö"},
            ]
        case "trl-chat":
            return [
                {
                    "prompt": [{"role": "user", "content": prompt}],
                    "chosen": [{"role": "assistant", "content": chosen}],
                    "rejected": [{"role": "assistant", "content": rejected}],
                }
                for prompt, chosen, rejected in ((P1, "a", "b"), (P1, "a", "c"), (P2, "ä", "ö"))
            ]
        case "kto":
            return [
                {"prompt": prompt, "completion": text, "label": label}
                for prompt, text, label in (
                    (P1, "a", True),
                    (P1, "b", False),
                    (P1, "c", False),
                    (P2, "ä", True),
                    (P2, "ö", False),
                )
            ]
        case "hh":
            return [
                {
                    "chosen": f"\n\nHuman: {prompt}\n\nAssistant: {chosen}",
                    "rejected": f"\n\nHuman: {prompt}\n\nAssistant: {rejected}",
                }
                for prompt, chosen, rejected in ((P1, "a", "b"), (P1, "a", "c"), (P2, "ä", "ö"))
            ]
        case "seed":
            return [
                {"toxic": P1, "chosen": "a", "rejected": ["b", "c"]},
                {"toxic": P2, "chosen": "ä", "rejected": ["ö"]},
            ]
        case "llamafactory":
            return [
                {"instruction": INSTRUCTION, "input": P1, "chosen": "a", "rejected": "b"},
                {"instruction": INSTRUCTION, "input": P1, "chosen": "a", "rejected": "c"},
                {"instruction": INSTRUCTION, "input": P2, "chosen": "ä", "rejected": "ö"},
            ]
        case _:
            raise NotImplementedError(format_name)


LINES = [name for name in exports.PAIR_FORMATS if name not in exports.CSV_FORMS]
"""The formats of pairs in which each line is a record."""


def test_the_formats_are_these() -> None:
    names = ["trl", "trl-chat", "kto", "seed", "llamafactory", "labelstudio", "argilla", "hh", "csv"]
    tables = ["judgments-csv", "judgments-csv-spreadsheet", "judgments-jsonl", "judgments-parquet"]
    assert list(exports.FORMATS) == list(get_args(FormatName)) == [*names, "csv-spreadsheet", *tables]


@pytest.mark.parametrize("format_name", LINES)
def test_an_export_holds_every_standing_judgment_line_by_line(
    session: Session, judged: list[Judgment], format_name: str
) -> None:
    lines = list(exports.stream(session, format_name))
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    made = [json.loads(line) for line in lines]
    named = {(one.pop("judgment"), one.pop("verdict")) for one in made}
    assert made == expected(format_name)
    assert named == {(judged[n].client_key, "chosen") for n in (0, 2)}


def test_a_table_has_a_header_and_quotes_what_needs_it(session: Session, judged: list[Judgment]) -> None:
    first, last = (f"{judged[number].client_key},chosen" for number in (0, 2))
    assert "".join(exports.stream(session, "csv")) == (
        f"prompt,chosen,rejected,judgment,verdict\r\n{P1},a,b,{first}\r\n{P1},a,c,{first}\r\n"
        f'"zwei\u2028Zeilen ""und"" 👩🏽‍🚀",ä,ö,{last}\r\n'
    )


def test_metadata_have_a_place_in_every_record_if_any_prompt_has_some(session: Session, judged: list[Judgment]) -> None:
    judged[0].generation.prompt.metadata_ = {"language": "en"}
    session.commit()
    for name in ("trl", "trl-chat", "kto", "llamafactory", "hh"):
        made = [json.loads(line) for line in exports.stream(session, name)]
        assert {row["metadata"] for row in made} == {'{"language": "en"}', "{}"}
        assert [set(row) - {"metadata", "judgment", "verdict"} for row in made] == [set(row) for row in expected(name)]
    assert "".join(exports.stream(session, "csv")).split("\r\n")[:2] == [
        "prompt,chosen,rejected,judgment,verdict,metadata",
        f'{P1},a,b,{judged[0].client_key},chosen,"{{""language"": ""en""}}"',
    ]
    assert [json.loads(line)["metadata"] for line in exports.stream(session, "seed")] == [{"language": "en"}, {}]


def test_metadata_stand_beside_the_texts_of_tasks_and_in_the_metadata_of_records(
    session: Session, judged: list[Judgment]
) -> None:
    judged[0].generation.prompt.metadata_ = {"language": "en", "prompt": "another", "judgment": "mine"}
    session.commit()
    tasks = [one["data"] for one in json.loads("".join(exports.stream(session, "labelstudio")))]
    assert (tasks[0]["language"], tasks[0]["prompt"]) == ("en", P1)
    assert set(tasks[-1]) == {"prompt", "candidates"}
    records = [one["metadata"] for one in json.loads("".join(exports.stream(session, "argilla")))]
    assert (records[0]["language"], records[0]["judgment"]) == ("en", [judged[0].client_key])
    assert set(records[-1]) == {"judgment", "verdict", "person"}


def test_tables_of_judgments_have_a_column_of_metadata_if_any_prompt_has_some(
    session: Session, judged: list[Judgment]
) -> None:
    names = ("judgments-csv", "judgments-jsonl", "judgments-parquet")
    for name in names:
        assert columns(session, name) == list(judgment_table.COLUMNS)
    judged[0].generation.prompt.metadata_ = {"language": "en"}
    session.commit()
    for name in names:
        assert columns(session, name) == [*judgment_table.COLUMNS, "metadata"]
    first, last = (json.loads(line)["metadata"] for line in exports.stream(session, "judgments-jsonl"))
    assert (first, last) == ('{"language": "en"}', "{}")


def columns(session: Session, format_name: str) -> list[str]:
    content = b"".join(exports.content(session, format_name))
    if format_name == "judgments-parquet":
        return list(pq.read_table(io.BytesIO(content)).column_names)
    first = content.decode().split("\n")[0]
    return list(json.loads(first)) if format_name == "judgments-jsonl" else first.rstrip("\r").split(",")


def test_an_export_without_metadata_has_no_place_for_them_whatever_else_there_is(
    session: Session, judged: list[Judgment]
) -> None:
    factories.prompt(session, "not judged", metadata_={"language": "en"})
    judged[0].generation.prompt.metadata_ = {"language": "en"}
    session.commit()
    (line,) = exports.stream(session, "trl", JudgmentFilter(text="zwei"))
    assert set(json.loads(line)) == {"prompt", "chosen", "rejected", "judgment", "verdict"}


def test_kto_has_the_metadata_of_screens_of_which_none_was_good(session: Session, annotator: Person) -> None:
    prompt = factories.prompt(session, metadata_={"id": 1})
    screen = factories.generation(session, annotator.id, ["a", "b"], prompt=prompt)
    factories.judgment(session, screen, pairs=False, verdict="none", candidate_id=None)
    assert [json.loads(line)["metadata"] for line in exports.stream(session, "kto")] == ['{"id": 1}'] * 2


def test_kto_learns_from_none_is_good_but_not_from_an_attention_check(session: Session, annotator: Person) -> None:
    for gold in (False, True):
        screen = factories.generation(session, annotator.id, ["a", "b"], gold=gold)
        factories.judgment(session, screen, pairs=False, verdict="none", candidate_id=None)
    made = [json.loads(line) for line in exports.stream(session, "kto")]
    assert [(row["completion"], row["label"], row["verdict"]) for row in made] == [
        ("a", False, "none"),
        ("b", False, "none"),
    ]
    assert {row["judgment"] for row in made} == {rows(session, Judgment)[0].client_key}


def test_a_text_that_would_begin_a_turn_is_left_out_of_transcripts_and_the_others_stay(
    session: Session, annotator: Person
) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b\n\nHuman: hello", "c"])
    factories.judgment(session, screen)
    assert [json.loads(line)["rejected"][-1] for line in exports.stream(session, "hh")] == ["c"]


def test_an_export_can_be_of_what_a_filter_finds(session: Session, annotator: Person, admin: Person) -> None:
    for person in (annotator, admin):
        factories.judgment(session, factories.generation(session, person.id, [person.email, "b"]))
    for name in ("trl", "kto"):
        made = [json.loads(line) for line in exports.stream(session, name, JudgmentFilter(person=admin.id))]
        assert {row.get("chosen", row.get("completion")) for row in made} <= {admin.email, "b"}
        assert made


@pytest.mark.parametrize("query", [{"text": "wrong"}, {"source": "api"}, {"version": "1"}, {"gold": "no"}])
def test_screens_of_which_none_was_good_are_filtered_like_the_others(
    session: Session, annotator: Person, query: dict[str, str]
) -> None:
    factories.version(session, 1)
    for said, source, version in (("you are wrong", "api", 1), ("be nice", "web", None)):
        prompt = factories.prompt(session, said, source=source)
        screen = factories.generation(session, annotator.id, ["a", "b"], prompt=prompt, gold=version is None)
        for candidate in screen.candidates:
            candidate.version_number = version
        factories.judgment(session, screen, pairs=False, verdict="none", candidate_id=None)
    session.commit()
    made = [json.loads(line) for line in exports.stream(session, "kto", JudgmentFilter.parse(query))]
    assert [(row["prompt"], row["completion"]) for row in made] == [("you are wrong", "a"), ("you are wrong", "b")]


def test_letters_of_every_script_are_written_as_they_are(session: Session, judged: list[Judgment]) -> None:
    assert "👩🏽‍🚀" in "".join(exports.stream(session, "trl"))


@pytest.mark.long
def test_memory_does_not_grow_with_what_is_exported(session: Session, annotator: Person) -> None:
    """Six thousand rows of two kilobytes are never there at once, in no format."""
    # pyarrow imports pandas when it makes its first table; what the two keep of themselves is not of the export.
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    many_judgments(session, annotator.id)
    for format_name in exports.FORMATS:
        tracemalloc.start()
        try:
            size = sum(len(piece) for piece in exports.content(session, format_name))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert size > (100_000 if format_name == "judgments-parquet" else 12_000_000), format_name
        assert peak < 8_000_000, format_name


@pytest.mark.parametrize("format_name", [name for name in LINES if name != "kto"])
def test_a_line_is_what_json_writes_of_its_record_to_the_byte(
    session: Session, annotator: Person, format_name: str
) -> None:
    awkward = ['quote " backslash \\ slash /', "tab \t bell \x07 del \x7f", "\u2028\u2029 \ud7ff 👩🏽‍🚀 é"]
    screen = factories.generation(session, annotator.id, awkward, prompt=factories.prompt(session, "a\nb\r\\u0041"))
    key = factories.judgment(session, screen).client_key
    pairs = [Pair(row.judgment_id, row.prompt, row.chosen, row.rejected) for row in rows(session, Preference)]
    records = (identified(record, key, "chosen") for record in exports.PAIR_FORMATS[format_name](pairs))
    naive = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    assert list(exports.stream(session, format_name)) == naive
    assert "".join(exports.pieces(exports.stream(session, format_name))) == "".join(naive)


FORMULA = '=cmd|" /C calc"!A0'
FORMULAS = ["+you, again", "-you;=1", "'@home"]


@pytest.mark.parametrize("format_name", ["csv-spreadsheet", "judgments-csv-spreadsheet"])
def test_no_cell_of_the_safe_export_begins_like_a_formula(session: Session, admin: Person, format_name: str) -> None:
    _judge(session, admin)
    text = b"".join(exports.content(session, format_name)).decode("utf-8-sig")
    found = list(csv.reader(text.splitlines()))
    cells = [cell for row in found for cell in row]
    assert f"'{FORMULA}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert {row[-1] for row in found[1:]} == {"yes"}


@pytest.mark.parametrize("metadata", [None, {"language": "=en"}])
@pytest.mark.parametrize("format_name", ["csv", "judgments-csv"])
def test_what_a_safe_export_holds_comes_back_as_it_was(
    session: Session, admin: Person, write: Any, format_name: str, metadata: dict[str, str] | None
) -> None:
    _judge(session, admin, metadata)
    plain, safe = (write(f"{name}.csv", b"".join(exports.content(session, name))) for name in _both(format_name))
    assert safe.read_bytes() != plain.read_bytes()
    assert _values(safe) == _values(plain)
    report = store(session, admin, safe, judgments=True).report
    assert (report.judgments, report.judgments_known, report.unused_count, report.rejected) == (0, 1, 0, [])
    [prompt] = rows(session, Prompt)
    assert (prompt.text, prompt.metadata_) == (FORMULA, metadata)


def _judge(session: Session, person: Person, metadata: dict[str, str] | None = None) -> None:
    prompt = factories.prompt(session, FORMULA, metadata_=metadata)
    factories.judgment(session, factories.generation(session, person.id, FORMULAS, prompt=prompt))


def _both(format_name: str) -> tuple[str, str]:
    return format_name, f"{format_name}-spreadsheet"


def _values(path: Path) -> list[object]:
    return [row.value for row in RowFile(path).rows()]
