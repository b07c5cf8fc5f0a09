"""Files of every layout and tool, looked at and stored: good rows, bad rows, duplicates, judgments."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, Prompt
from app.domain_errors import Invalid, Malformed
from app.services.exchange import exports, imports
from app.services.exchange.incoming import import_plan
from app.services.exchange.incoming.import_plan import ImportPlan
from app.services.prompts import prompts, search
from models.formats.files.packed import unpacked
from tests import factories
from tests.app.services.exchange.conftest import LONGEST, look, queued, store
from tests.studio import Person, rows

JUDGED = (("once", 1), ("twice", 2))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,comment,priority\n1,one,2\n2,two,\n"),
        ("a.csv", "id;comment;priority\n1;one;2\n2;two;\n"),
        ("a.csv", '\ufeffid,comment,priority\r\n1,"one",2\r\n\r\n2,two\r\n'),
        ("a.tsv", "id\tcomment\tpriority\n1\tone\t2\n2\ttwo\t\n"),
        ("a.json", '[{"comment": "one", "priority": 2},\n {"comment": "two"}]'),
        ("a.json", '{"data": [{"comment": "one", "priority": 2}, {"comment": "two"}]}'),
        ("a.json", '{"comment": "one", "priority": 2}\n{"comment": "two"}\n'),
        ("a.jsonl", '{"comment": "one", "priority": 2}\n\n{"comment": "two"}'),
        ("a", '{"comment": "one", "priority": 2}\n{"comment": "two"}'),
    ],
)
def test_every_layout_yields_the_same_prompts(
    session: Session, admin: Person, write: Any, name: str, content: str
) -> None:
    path = write(name, content)
    found = look(session, path)
    assert (found.rows, found.usable, found.bad, found.complete) == (2, 2, 0, True)
    assert found.mapping.text == "comment"
    assert queued(session) == [], "looking stores nothing"
    report = store(session, admin, path).report
    assert (report.added, report.duplicates, report.rejected) == (2, 0, [])
    assert [(row.text, row.priority, row.source) for row in rows(session, Prompt)] == [
        ("one", 2, name),
        ("two", 0, name),
    ]


def test_a_look_and_the_way_of_an_import_are_told_as_json(session: Session, admin: Person, write: Any) -> None:
    path = write("a.csv", "comment,priority,tone\none,2,kind\ntwo,x,rude\n")
    found = look(session, path)
    told = found.as_json()
    assert told["mapping"] == found.mapping.as_json()
    assert (told["rows"], told["usable"], told["bad"], told["complete"]) == (2, 1, 1, True)
    assert told["found"]["beside"] == ["tone"]
    assert "likely" not in told["found"]
    assert [row["text"] for row in told["sample"]] == ["one"]
    assert [row["line"] for row in told["problems"]] == [3]
    plan = ImportPlan.parse(found.mapping.as_json(), "a.csv")
    *_, last = imports.run(session, admin.id, path, plan, LONGEST)
    said = last.as_json()
    assert (said["fraction"], said["rows"], said["done"], said["added"], said["rejected_count"]) == (1.0, 2, True, 1, 1)
    assert [row["line"] for row in said["rejected"]] == [3]
    assert "rejected" not in imports.ImportState(1 / 3, 2, last.report).as_json()
    assert imports.ImportState(1 / 3, 2, last.report).as_json()["fraction"] == 0.3333


@pytest.mark.parametrize("name", ["a.txt", "notes", "a.txt.gz"])
def test_plain_lines_are_a_text_each(session: Session, admin: Person, write: Any, name: str) -> None:
    content = 'one, two\n\n "three" \nfour\u2028five\n'.encode()
    path = write(name, gzip.compress(content) if name.endswith(".gz") else content)
    store(session, admin, path)
    assert queued(session) == ["one, two", '"three"', "four\u2028five"]


def test_a_table_without_a_header_has_numbered_columns(session: Session, admin: Person, write: Any) -> None:
    path = write("a.csv", "one,1\ntwo,2\n")
    found = look(session, path, header="no")
    assert (found.found.columns, found.rows) == (("column 1", "column 2"), 2)
    store(session, admin, path, header=False, text="column 1", priority="column 2")
    assert [(row.text, row.priority) for row in rows(session, Prompt)] == [("one", 1), ("two", 2)]


def test_columns_can_be_mapped_to_attention_checks_and_overlap(session: Session, admin: Person, write: Any) -> None:
    path = write("a.csv", 'q,right,wrong,k\none,1,"2|3",3\ntwo,,,\nthree,1,"[""4"", ""5|6""]",\n')
    store(session, admin, path, text="q", gold="right", gold_wrong="wrong", overlap="k", overlap_of_all=2)
    assert [(row.text, row.gold_answer, row.gold_wrong, row.overlap) for row in rows(session, Prompt)] == [
        ("one", "1", ["2", "3"], 3),
        ("two", None, None, 2),
        ("three", "1", ["4", "5|6"], 2),
    ]


def test_bad_rows_are_listed_with_their_lines_and_the_others_stored(
    session: Session, admin: Person, write: Any
) -> None:
    long = "x" * (LONGEST + 1)
    path = write("a.csv", f'text,priority\none,\n"two\nlines",high\n,1\n{long},\na,b,c\nlast,\n"never closed,\n')
    found = look(session, path)
    expected = [
        {"line": 3, "reason": "The priority must be a whole number, not 'high'."},
        {"line": 5, "reason": "The row cannot be read: there is nothing under text."},
        {"line": 6, "reason": "The text has 1001 characters and may have at most 1000."},
        {"line": 7, "reason": "The row has 3 columns instead of 2."},
        {"line": 9, "reason": "A quote that is opened in line 9 is never closed: nothing after it is read."},
    ]
    assert found.problems == expected
    report = store(session, admin, path).report
    assert (report.rejected, report.rejected_count, queued(session)) == (expected, 5, ["one", "last"])


def test_bytes_that_are_not_utf_8_spoil_their_own_row_only(session: Session, admin: Person, write: Any) -> None:
    path = write("a.txt", "one\nnaïve".encode("latin-1") + b"\nthree\n")
    report = store(session, admin, path).report
    assert report.rejected == [
        {"line": 2, "reason": "The row is not UTF-8 text (it holds the byte 0xef): save the file as UTF-8."}
    ]
    assert queued(session) == ["one", "three"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", b'[{"text": "one"},\n {"text"', "The file is not whole JSON: what begins in line 2 cannot be read."),
        ("a.json", b'["one" "two"]', "The file is not whole JSON: what begins in line 1 cannot be read."),
        ("a.txt.gz", b"\x1f\x8b\x08 broken", None),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(
    session: Session, write: Any, name: str, content: bytes, sentence: str | None
) -> None:
    with pytest.raises(Malformed) as refusal:
        look(session, write(name, content))
    assert sentence is None or str(refusal.value) == sentence


def test_known_and_repeated_texts_are_counted_and_stored_once(session: Session, admin: Person, write: Any) -> None:
    factories.prompt(session, "known", queued=True)
    path = write("a.txt", "new\nknown\nnew\n")
    found = look(session, path)
    assert (found.usable, found.known, found.repeated) == (3, 1, 1)
    assert store(session, admin, path).report.duplicates == 2
    again = store(session, admin, path).report
    assert (again.added, again.duplicates) == (0, 3)


def test_a_text_that_has_all_its_judgments_is_not_queued_again(session: Session, admin: Person, write: Any) -> None:
    done = factories.prompt(session, "done")
    factories.judgment(session, factories.generation(session, admin.id, prompt=done))
    report = store(session, admin, write("a.txt", "done\n")).report
    assert (report.added, report.duplicates, queued(session)) == (0, 1, [])


def test_an_import_says_by_how_much_the_queue_grows(session: Session, admin: Person, write: Any) -> None:
    """Two of four texts wait: one is a check, and one is done already. Of two judged ones, one lacks a judgment."""
    done = factories.prompt(session, "done")
    factories.judgment(session, factories.generation(session, admin.id, prompt=done))
    lines: list[dict[str, object]] = [{"prompt": text} for text in ("one", "two", "done")]
    path = write("a.jsonl", "\n".join(map(json.dumps, [*lines, {"prompt": "sure", "gold": "yes"}])))
    looked = look(session, path)
    assert (looked.usable, looked.known, looked.repeated) == (4, 1, 0)
    report = store(session, admin, path).report
    assert (report.added, report.duplicates) == (3, 1)
    assert (report.checks, report.judged, report.waiting) == (1, 0, 2)
    assert search.count(session, search.PromptFilter()) == 2
    judged = [{"prompt": text, "chosen": "good", "rejected": "bad", "overlap": overlap} for text, overlap in JUDGED]
    path = write("b.jsonl", "\n".join(map(json.dumps, judged)))
    report = store(session, admin, path, judgments=True).report
    assert (report.added, report.checks, report.judged, report.waiting, report.judgments) == (2, 0, 1, 1, 2)
    assert search.count(session, search.PromptFilter()) == 3


def test_texts_whose_judgments_have_keys_of_their_own_are_counted_as_judged_too(
    session: Session, admin: Person, write: Any
) -> None:
    """A judgment with a key is stored once its rows are known to have ended, after the batch of its text."""
    said = {"chosen": "good", "rejected": "bad", "verdict": "chosen"}
    lines = [{"prompt": f"text {n}", "judgment": f"j-{n:032x}", **said} for n in range(502)]
    report = store(session, admin, write("a.jsonl", "\n".join(map(json.dumps, lines))), judgments=True).report
    assert (report.added, report.judged, report.waiting, report.judgments) == (502, 502, 0, 502)
    assert search.count(session, search.PromptFilter()) == 0


def test_progress_is_told_batch_by_batch_and_the_import_is_audited(session: Session, admin: Person, write: Any) -> None:
    path = write("a.txt", "".join(f"text {number}\n" for number in range(1_203)))
    wish = ImportPlan.parse({"layout": "lines", "source": "a list"}, "a.txt")
    told = list(imports.run(session, admin.id, path, wish, LONGEST))
    assert [one.rows for one in told] == [500, 1000, 1203, 1203]
    assert [one.fraction for one in told][-1] == 1.0
    assert [one.done for one in told] == [False, False, False, True]
    (event,) = rows(session, AuditEvent)
    assert (event.subject, event.details) == ("a list", {"added": 1203, "rejected": 0, "judgments": 0})


@pytest.mark.parametrize("at_random", [False, True])
def test_a_part_of_a_file_is_taken_of_the_rows_that_can_be_used(
    session: Session, admin: Person, write: Any, at_random: bool
) -> None:
    path = write("a.txt", "\n".join(["x" * (LONGEST + 1), *(f"text {number}" for number in range(9))]))
    wish = ImportPlan.parse({"layout": "lines", "rows": 4, "at_random": at_random}, "a.txt")
    *_, last = imports.run(session, admin.id, path, wish, LONGEST)
    assert (last.done, last.report.added, last.report.rejected_count) == (True, 4, 1)
    if not at_random:
        assert queued(session) == [f"text {number}" for number in range(4)]
    assert rows(session, AuditEvent)[-1].details["taken"] == ("4 at random" if at_random else "4 first")


def test_judgments_are_not_taken_in_part() -> None:
    with pytest.raises(Invalid, match="A judgment may have several rows: take all rows, or only texts"):
        ImportPlan.parse({"layout": "jsonl", "judgments": True, "rows": 4}, "a.jsonl")


def test_what_was_stored_before_a_file_breaks_off_stays(session: Session, admin: Person, write: Any) -> None:
    whole = [json.dumps(f"text {number}") for number in range(600)]
    path = write("a.json", "[" + ",".join(whole) + ", {")
    with pytest.raises(Malformed):
        list(imports.run(session, admin.id, path, ImportPlan.parse({"layout": "json"}, "a.json"), LONGEST))
    assert len(queued(session)) == 500
    assert rows(session, AuditEvent)[0].details["added"] == 500


def test_columns_beside_the_text_are_kept_but_for_those_that_are_left_out(
    session: Session, admin: Person, write: Any
) -> None:
    path = write("a.csv", "id,text,priority,language,url\n1,one,2,de,\n2,two,,en,http://x\n")
    found = look(session, path)
    assert (found.beside(), found.mapping.leave_out) == (["id", "language", "url"], ())
    assert found.sample[0]["metadata"] == {"id": "1", "language": "de"}
    store(session, admin, path, leave_out=["id"])
    assert [row.metadata_ for row in rows(session, Prompt)] == [
        {"language": "de"},
        {"language": "en", "url": "http://x"},
    ]


def test_a_column_that_only_comes_late_is_kept_too(session: Session, admin: Person, write: Any) -> None:
    lines = [json.dumps({"text": f"text {number}"}) for number in range(700)]
    store(session, admin, write("a.jsonl", "\n".join([*lines, '{"text": "last", "language": "de"}'])))
    assert rows(session, Prompt)[-1].metadata_ == {"language": "de"}


def test_metadata_that_cannot_be_kept_are_told_with_their_line_and_the_text_is_queued(
    session: Session, admin: Person, write: Any
) -> None:
    path = write("a.jsonl", json.dumps({"text": "one", "page": "x" * 4_000}) + '\n{"text": "two", "page": "y"}\n')
    sentence = "The metadata has 4,012 characters and may have at most 4,000. It is not kept."
    assert look(session, path).problems == [{"line": 1, "reason": sentence}]
    report = store(session, admin, path).report
    assert (report.added, report.rejected) == (2, [{"line": 1, "reason": sentence}])
    assert (report.rejected_count, report.unused_count) == (0, 1)
    assert [row.metadata_ for row in rows(session, Prompt)] == [None, {"page": "y"}]


def test_a_text_that_is_there_gets_what_is_new_and_keeps_what_it_has(
    session: Session, admin: Person, write: Any
) -> None:
    store(session, admin, write("a.csv", "text,id\none,1\ntwo,2\n"))
    report = store(session, admin, write("b.csv", "text,id,language\none,7,de\ntwo,2,en\n")).report
    sentence = "The text has other metadata already, which stays: id."
    assert (report.duplicates, report.rejected) == (2, [{"line": 2, "reason": sentence}])
    assert [row.metadata_ for row in rows(session, Prompt)] == [
        {"id": "1", "language": "de"},
        {"id": "2", "language": "en"},
    ]


def test_metadata_come_with_judgments_whose_rows_are_gathered(session: Session, admin: Person, write: Any) -> None:
    record = {"prompt": "you fool", "chosen": "you", "judgment": f"i-{7:032}", "verdict": "chosen", "language": "de"}
    lines = [json.dumps(record | {"rejected": rejected, "page": page}) for rejected, page in (("a", 1), ("b", 2))]
    report = store(session, admin, write("a.jsonl", "\n".join(lines)), judgments=True, queue=False).report
    sentence = "The text has other metadata already, which stays: page."
    assert (report.judgments, report.rejected) == (1, [{"line": 2, "reason": sentence}])
    assert [row.metadata_ for row in rows(session, Prompt)] == [{"language": "de", "page": 1}]


@pytest.mark.parametrize("format_name", exports.FORMATS)
def test_metadata_survive_an_export_and_its_import(
    session: Session, admin: Person, write: Any, format_name: str
) -> None:
    said = {"language": "de", "id": 7, "tags": ["a", "b"], "by": {"name": "Ada"}}
    told = factories.prompt(session, "you fool", metadata_=said)
    untold = factories.prompt(session, "you idiot")
    for prompt in (told, untold):
        factories.judgment(session, factories.generation(session, admin.id, ["a", "b", "c"], prompt=prompt))
    content = b"".join(exports.content(session, format_name))
    path = write(f"a.{exports.FORMATS[format_name].extension}", content)
    told.metadata_ = None
    session.commit()
    found = look(session, path)
    text = "input" if format_name == "llamafactory" else found.mapping.text
    assert store(session, admin, path, queue=False, judgments=True, text=text).report.rejected == []
    assert rows(session, Prompt)[1].metadata_ is None
    kept = rows(session, Prompt)[0].metadata_
    assert kept in (said, {"by.name": "Ada", **{name: said[name] for name in ("language", "id", "tags")}})


def test_an_import_ends_at_the_most_rows_and_keeps_those_before(
    session: Session, admin: Person, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "BATCH", 10)
    monkeypatch.setattr(imports, "MOST_ROWS", 20)
    with pytest.raises(Malformed, match=r"^The file has more than 20 rows, of which the first are stored: split it\.$"):
        store(session, admin, write("a.txt", "".join(f"text {number}\n" for number in range(100))))
    assert len(queued(session)) == 20


def test_looking_at_a_packed_file_of_nothing_ends_early(
    session: Session, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacked, "FREE", 1024 * 1024)
    with pytest.raises(Malformed, match="The file unpacks to more than 250 times its size"):
        look(session, write("a.jsonl.gz", gzip.compress(bytes(8 * 1024 * 1024))))


def test_a_million_rows_are_within_all_bounds() -> None:
    row = b'{"text": "You are a stupid idiot, number 123456", "language": "en", "source": "a forum"}\n'
    assert import_plan.MOST_ROWS > 1_000_000
    assert 1_000_000 * len(row) < unpacked.LARGEST_UNPACKED
