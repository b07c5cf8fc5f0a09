"""Files as other programs write them: what reaches the queue, and what is refused with its line."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import zipfile
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy.orm import Session

from app.db import Preference, Prompt
from app.domain_errors import Malformed
from tests.app.services.exchange.conftest import look, queued, store
from tests.studio import Person, rows

TABLE = [("text", "priority"), ("you fool, go", "5"), ("two\nlines", "")]
PROMPTS = [("you fool, go", 5), ("two\nlines", 0)]
CSV = 'text,priority\n"you fool, go",5\n"two\nlines",\n'


def zipped(**files: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return body.getvalue()


def workbook() -> bytes:
    book, body = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["text", "priority"])
    book.active.append(["you fool, go", 5.0])
    book.active.append(["two\nlines", None])
    book.create_sheet("other").append(["not read"])
    book.save(body)
    return body.getvalue()


def parquet() -> bytes:
    body = io.BytesIO()
    pq.write_table(pa.table({"text": [PROMPTS[0][0], PROMPTS[1][0]], "priority": [5.0, float("nan")]}), body)
    return body.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pandas.tsv", CSV.replace(",5", "\t5").replace(",\n", "\t\n").replace("text,", "text\t")),
        ("excel.txt", 'Text\tPriority\r\n"you fool, go"\t5\r\n"two\nlines"\t\r\n'),
        ("a.csv", "\ufeff" + CSV.replace("\n", "\r\n").replace("two\r\n", "two\n")),
        ("a.csv", '"Text (original, raw)";Priority\r\nyou fool, go;5\r\n"two\nlines";\r\n'),
        ("a.csv", 'sep=;\r\nText;Priority\r\nyou fool, go;5\r\n"two\nlines";\r\n'),
        ("a.csv", '"you fool, go",5\n"two\nlines",\n'),
        ("a.csv", ',said,priority\n0,"you fool, go",5\n1,"two\nlines",\n'),
        ("a.csv", CSV.encode("utf-16")),
        ("a.csv", CSV.encode("utf-16-le")),
        ("a.csv.gz", gzip.compress(CSV.encode("utf-16-be"), mtime=0)),
        ("a.csv", gzip.compress(CSV.encode(), mtime=0)),
        ("a.csv.bz2", bz2.compress(CSV.encode())),
        ("a.zip", zipped(**{"a.csv": CSV, "__MACOSX/a.csv": "x"})),
        ("book.xlsx", workbook()),
        ("book", workbook()),
        ("a.parquet", parquet()),
        ("a.json", parquet()),
        ("a.jsonl", '[{"text": "you fool, go", "priority": 5.0}, {"text": "two\\nlines", "priority": NaN}]'),
        ("a.json", '{"text": "you fool, go", "priority": "5.0"}\n{"text": "two\\nlines", "priority": null}\n'),
        ("a.jsonl", '{\n "text": "you fool, go",\n "priority": 5\n}\n{\n "text": "two\\nlines"\n}\n'),
        ("a.json", '{"text": {"0": "you fool, go", "1": "two\\nlines"}, "priority": {"0": 5.0, "1": null}}'),
        ("a.json", '{"columns": ["text", "priority"], "data": [["you fool, go", 5.0], ["two\\nlines", null]]}'),
        ("a.txt", '[{"text": "you fool, go", "priority": 5, "items": []},\n{"text": "two\\nlines"}]'),
        (
            "a.jsonl",
            f'{{"text": "you fool, go", "priority": 5, "id": {"9" * 5000}}}\n\ufeff{{"text": "two\\nlines"}}\n',
        ),
        (
            "items.json",
            '{"prompt": "you fool, go", "priority": 5, "items": [{}]}\n{"prompt": "two\\nlines", "items": []}',
        ),
    ],
)
def test_every_writer_yields_the_same_prompts(
    session: Session, admin: Person, write: Any, name: str, content: str | bytes
) -> None:
    path = write(name, content.replace("NUMBER", "9" * 5000) if isinstance(content, str) else content)
    wishes = {"priority": "column 2"} if look(session, path).mapping.text == "column 1" else {}
    report = store(session, admin, path, leave_out=["id"], **wishes).report
    assert report.rejected == []
    assert [(row.text, row.priority) for row in rows(session, Prompt)] == PROMPTS


def test_a_title_above_the_names_and_names_that_come_again_are_told(
    session: Session, admin: Person, write: Any
) -> None:
    path = write("a.csv", "My export,\n\nText,Priority\none,1\nText,Priority\ntwo,2\n")
    report = store(session, admin, path).report
    assert [(row["line"], row["reason"]) for row in report.rejected] == [
        (1, "The line stands above the names of the columns."),
        (5, "The line repeats the names of the columns."),
    ]
    assert queued(session) == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%PDF-1.7", "a PDF document"),
        (b"\xd0\xcf\x11\xe0 old", "an old Excel workbook or Word document"),
        (b"{\\rtf1 x}", "a rich text (RTF) document"),
        (b"<!DOCTYPE html><p>", "a web page or XML"),
        (zipped(**{"word/document.xml": "x"}), "a Word document"),
        (b"SQLite format 3\x00", "an SQLite database"),
    ],
)
def test_a_file_that_holds_no_rows_is_refused_by_its_name(
    session: Session, write: Any, content: bytes, what: str
) -> None:
    with pytest.raises(Malformed) as refusal:
        look(session, write("a.csv", content))
    assert str(refusal.value) == f"The file is {what}: save its rows as CSV, JSON Lines, XLSX or Parquet."


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (zipped(a="1", b="2"), "The zip archive holds 2 files instead of one: a, b."),
        (gzip.compress(CSV.encode() * 1000, mtime=0)[:-40], "The file is not whole gzip data: "),
        (zipped(**{"xl/workbook.xml": "x"}), "The workbook cannot be read: "),
        (b"PAR1 and no more", "The file cannot be read as Parquet: "),
        (codecs.BOM_UTF16_LE + b"a", "The file is not whole UTF-16 text: "),
    ],
)
def test_a_package_that_is_not_whole_is_one_sentence(
    session: Session, write: Any, content: bytes, sentence: str
) -> None:
    with pytest.raises(Malformed) as refusal:
        look(session, write("a.csv", content))
    assert str(refusal.value).startswith(sentence)
    assert str(refusal.value).endswith(".")


def test_what_is_no_text_is_never_queued_in_the_words_of_a_program(session: Session, admin: Person, write: Any) -> None:
    turns = [{"role": "system", "content": "be nice"}, {"role": "user", "content": "a turn"}]
    values = ["plain", turns, ["a", "b"], {"a": 1}, True, float("nan"), None, 7]
    path = write("a.jsonl", "".join(json.dumps({"prompt": value, "id": 1}) + "\n" for value in values))
    report = store(session, admin, path).report
    assert queued(session) == ["plain", "a turn"]
    assert [(row["line"], row["reason"].removeprefix("The row cannot be read: ")) for row in report.rejected] == [
        (3, "prompt is a list, not a text."),
        (4, "prompt is an object, not a text."),
        (5, "prompt is true or false, not a text."),
        (6, "there is nothing under prompt."),
        (7, "there is nothing under prompt."),
        (8, "prompt is a number, not a text."),
    ]


def test_a_priority_of_zero_is_kept_where_all_others_get_one(session: Session, admin: Person, write: Any) -> None:
    path = write("a.csv", "text,priority\none,0\ntwo,\nthree,NaN\nfour,5.0\nfive,5.5\n")
    report = store(session, admin, path, priority_of_all=9).report
    assert [(row.text, row.priority) for row in rows(session, Prompt)] == [
        ("one", 0),
        ("two", 9),
        ("three", 9),
        ("four", 5),
    ]
    assert report.rejected == [{"line": 6, "reason": "The priority must be a whole number, not '5.5'."}]


@pytest.mark.parametrize(
    ("header", "row", "column"),
    [
        ("id,body", "17,hello there", "body"),
        ("comment_id,body", "a8f3,hello", "body"),
        ("Unnamed: 0,score,said", "0,3,hello", "said"),
        ("uuid,said", "3f2a9c1e-aaaa-bbbb-cccc-0123456789ab,hi", "said"),
        ("text,text,Text", "a,b,c", "text"),
        ("a,b", "1,2", ""),
    ],
)
def test_no_column_of_ids_is_offered_as_the_text(
    session: Session, write: Any, header: str, row: str, column: str
) -> None:
    assert look(session, write("a.csv", f"{header}\n{row}\n{row}\n")).mapping.text == column


def test_every_judgment_that_is_not_taken_over_is_told(session: Session, admin: Person, write: Any) -> None:
    made: list[dict[str, object]] = [
        {"prompt": "a", "chosen": "x", "rejected": "y"},
        {"prompt": "b", "chosen": "same", "rejected": " same"},
        {"prompt": "c", "chosen": "x", "rejected": None},
        {"prompt": "d", "chosen": "x", "rejected": ""},
        {"prompt": "e", "chosen": "x" * 1001, "rejected": "y"},
    ]
    path = write("a.jsonl", "".join(json.dumps(one) + "\n" for one in made))
    reasons = [
        (2, "chosen and rejected are the same."),
        (3, "there is no rejected: the fields are prompt, chosen."),
        (4, "rejected is empty."),
        (5, "The text has 1001 characters and may have at most 1000."),
    ]
    found = look(session, path)
    assert (found.judgments, found.bad, found.unused) == (1, 0, 4)
    report = store(session, admin, path, judgments=True).report
    for told in (found.problems, report.rejected):
        cut = "Its judgment cannot be taken over: "
        assert [(one["line"], one["reason"].removeprefix(cut)) for one in told] == reasons
    assert (report.judgments, report.added) == (1, 5)


@pytest.mark.parametrize("selected", ["left", "right", None])
def test_a_comparison_of_label_studio_is_a_judgment(
    session: Session, admin: Person, write: Any, selected: str | None
) -> None:
    result = [{"type": "pairwise", "value": {"selected": selected}}]
    task = {"data": {"prompt": "p", "answer1": "a", "answer2": "b"}, "annotations": [{"result": result}]}
    report = store(session, admin, write("a.json", json.dumps([task])), judgments=True).report
    pairs = [(row.chosen, row.rejected) for row in rows(session, Preference)]
    assert pairs == {"left": [("a", "b")], "right": [("b", "a")], None: []}[selected]
    assert len(report.rejected) == (selected is None)


def test_texts_that_read_the_same_are_one_prompt_and_stay_as_they_were_written(
    session: Session, admin: Person, write: Any
) -> None:
    texts = ["a\r\nb", "a\nb", "a  b", "caf\u00e9", "cafe\u0301", "z\u200bero", "zero", "\ufeffmark", "mark"]
    path = write("a.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in texts))
    assert look(session, path).repeated == 4
    report = store(session, admin, path).report
    assert (report.added, report.duplicates) == (5, 4)
    assert queued(session) == ["a\r\nb", "a  b", "caf\u00e9", "z\u200bero", "\ufeffmark"]
    assert store(session, admin, path).report.duplicates == 9
