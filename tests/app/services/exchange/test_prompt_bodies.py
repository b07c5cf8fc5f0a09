"""Prompts in the body of a request, in every format that is read, good rows and bad."""

from __future__ import annotations

import gzip
import json

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, Prompt
from app.domain_errors import Malformed, TooLarge
from app.services.exchange import prompt_bodies
from app.services.prompts.prompts import ImportReport
from tests import factories
from tests.studio import rows

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
TSV = "text/tab-separated-values"


def import_(session: Session, text: str | bytes, content_type: str, longest: int = 1000) -> ImportReport:
    data = text.encode() if isinstance(text, str) else text
    return prompt_bodies.import_prompts(session, None, data, content_type, "a file", longest)


def queued(session: Session) -> list[tuple[str, int, str | None]]:
    """(text, priority, gold answer) of every queued prompt."""
    return [(row.text, row.priority, row.gold_answer) for row in rows(session, Prompt) if row.queued]


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        (JSON, '["one", {"text": "two", "priority": 5}, {"prompt": "three", "gold": "3"}, {"toxic": "four"}]'),
        (NDJSON, '"one"\n{"text": "two", "priority": "5"}\n\n{"prompt": "three", "gold": "3"}\r\n{"toxic": "four"}'),
        ("application/jsonl", '"one"\n{"text": "two", "priority": 5}\n{"text": "three", "gold": "3"}\n"four"\n'),
        (CSV, "id,Text,priority,gold\n1,one,,\n2,two,5,\n3,three,,3\n4,four\n"),
        (CSV, 'toxic,priority,gold\r\n"one",,\r\n"two",5,\r\n"three",0,3\r\n\r\n four ,,\r\n'),
        (TSV, "prompt\tpriority\tgold\none\t\t\ntwo\t5\t\nthree\t\t3\nfour\t\t\n"),
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte-order-mark"])
def test_every_format_yields_the_same_prompts(session: Session, content_type: str, text: str, mark: str) -> None:
    report = import_(session, mark + text, content_type)
    assert report == ImportReport(added=4, checks=1, duplicates=0, rejected=[])
    assert queued(session) == [("one", 0, None), ("two", 5, None), ("three", 0, "3"), ("four", 0, None)]
    assert {row.source for row in rows(session, Prompt)} == {"a file"}


def test_quotes_begin_a_cell_in_csv_and_mean_nothing_in_tsv(session: Session) -> None:
    import_(session, 'text\n"one, ""two""\nthree"\n', CSV)
    import_(session, 'text\n"four" she said\n', TSV)
    assert [text for text, _, _ in queued(session)] == ['one, "two"\nthree', '"four" she said']


def test_a_row_with_a_field_that_there_is_not_is_refused_and_names_it(session: Session) -> None:
    report = import_(session, '[{"text": "one", "priorty": 5}, {"text": "two", "priority": 5}]', JSON)
    takes = "text, prompt, toxic, priority, gold, gold_wrong, overlap, metadata"
    sentence = f"There is no field 'priorty' in a row: it takes {takes}."
    assert (report.added, report.rejected) == (1, [{"line": 1, "reason": sentence}])
    assert queued(session) == [("two", 5, None)]


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        (JSON, '[{"text": "one", "metadata": {"language": "de", "by": {"id": 1}}}, "two"]'),
        (NDJSON, '{"text": "one", "metadata": {"language": "de", "by": {"id": 1}}}\n"two"\n'),
        (CSV, 'text,metadata\none,"{""language"": ""de"", ""by"": {""id"": 1}}"\ntwo,\n'),
    ],
)
def test_metadata_are_kept_with_their_text(session: Session, content_type: str, text: str) -> None:
    assert import_(session, text, content_type).rejected == []
    assert [row.metadata_ for row in rows(session, Prompt)] == [{"language": "de", "by": {"id": 1}}, None]


def test_a_row_whose_metadata_cannot_be_kept_is_refused(session: Session) -> None:
    report = import_(session, '[{"text": "one", "metadata": ["de"]}, {"text": "two", "metadata": null}]', JSON)
    sentence = 'The metadata must be an object, such as {"language": "de"}.'
    assert (report.added, report.rejected) == (1, [{"line": 1, "reason": sentence}])


def test_bad_rows_are_told_with_their_lines_and_the_others_are_kept(session: Session) -> None:
    text = '"one"\nnot json\n\n7\n{"text": ""}\n{"other": "x"}\n{"text": "two", "priority": "high"}\n"' + "x" * 11 + '"'
    report = import_(session, text, NDJSON, longest=10)
    assert report.added == 1
    assert report.rejected == [
        {"line": 2, "reason": "The line is not JSON."},
        {"line": 4, "reason": "The row is neither a text nor an object."},
        {"line": 5, "reason": "The text is empty."},
        {"line": 6, "reason": "The text must be a string."},
        {"line": 7, "reason": "The priority must be a whole number, not 'high'."},
        {"line": 8, "reason": "The text has 11 characters and may have at most 10."},
    ]
    assert queued(session) == [("one", 0, None)]


def test_the_line_of_a_bad_row_in_a_table_is_that_of_the_file(session: Session) -> None:
    report = import_(session, 'text,priority\n"one\ntwo",\n,1\nthree,2000000\n', CSV)
    assert report.rejected == [
        {"line": 4, "reason": "The text is empty."},
        {"line": 5, "reason": "The priority must be between -1000000 and 1000000."},
    ]
    assert queued(session) == [("one\ntwo", 0, None)]


def test_a_text_that_is_queued_already_is_a_duplicate_and_one_that_was_typed_is_not(session: Session) -> None:
    factories.prompt(session, "typed")
    factories.prompt(session, "queued", queued=True, priority=3)
    report = import_(session, json.dumps(["typed", "queued", "new", " new "]), JSON)
    assert report == ImportReport(added=2, duplicates=2, rejected=[])
    assert queued(session) == [("typed", 0, None), ("queued", 3, None), ("new", 0, None)]


def test_a_line_separator_inside_a_text_does_not_end_its_line(session: Session) -> None:
    texts = ["one\u2028two", "three\u0085four", "five\x0bsix"]
    lines = [json.dumps(text, ensure_ascii=False) for text in texts[:2]] + [json.dumps(texts[2])]
    report = import_(session, "\n".join(lines), NDJSON)
    assert report == ImportReport(added=3, duplicates=0, rejected=[])
    assert [text for text, _, _ in queued(session)] == texts


def test_more_rows_than_one_transaction_takes_are_all_there(session: Session) -> None:
    report = import_(session, json.dumps([f"text {number}" for number in range(1_203)]), JSON)
    assert report.added == len(queued(session)) == 1_203


def test_an_import_is_written_to_the_audit_log(session: Session) -> None:
    import_(session, '["one", 7]', JSON)
    (event,) = rows(session, AuditEvent)
    assert (event.action, event.subject, event.details) == (
        "prompts.imported",
        "a file",
        {"added": 1, "rejected": 1},
    )


@pytest.mark.parametrize(
    ("data", "content_type", "sentence"),
    [
        (b"\xff\xfe", JSON, "The body must be a JSON list of texts or of objects with a text."),
        (
            "tëxt\na".encode("latin-1"),
            CSV,
            "The first line must name a column text, prompt or toxic.",
        ),
        (b"[", JSON, "The file is not whole JSON: what begins in line 1 cannot be read."),
        (b"[" * 100_000, JSON, "The file is not whole JSON: what begins in line 1 cannot be read."),
        (b'{"text": "one"}', JSON, "The body must be a JSON list of texts or of objects with a text."),
        (b"one\ntwo\n", CSV, "The first line must name a column text, prompt or toxic."),
        (b"", TSV, "The first line must name a column text, prompt or toxic."),
        (
            b"one",
            "text/plain",
            "Send application/json, application/x-ndjson, text/csv or text/tab-separated-values, not text/plain.",
        ),
        (
            b"one",
            "",
            "Send application/json, application/x-ndjson, text/csv or text/tab-separated-values, not no content type.",
        ),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_as_a_whole(
    session: Session, data: bytes, content_type: str, sentence: str
) -> None:
    with pytest.raises(Malformed) as refusal:
        import_(session, data, content_type)
    assert str(refusal.value) == sentence
    assert rows(session, Prompt) == []


def test_a_quote_that_is_never_closed_swallows_no_row_without_a_word(session: Session) -> None:
    report = import_(session, 'text,priority\n"one",3\n"two" or,1\n"three,4\nfour,5\n', CSV)
    assert (report.added, [row.text for row in rows(session, Prompt)]) == (2, ["one", "four"])
    assert report.rejected == [
        {"line": 3, "reason": "The row cannot be taken apart: ',' expected after '\"'."},
        {"line": 4, "reason": "A quote that is opened in line 4 is never closed."},
    ]


def test_what_is_no_text_is_refused_and_a_list_of_messages_is_the_turn_of_the_user(session: Session) -> None:
    turns = [{"role": "system", "content": "be nice"}, {"role": "user", "content": "one"}]
    no_texts: list[object] = [["a"], {"a": 1}, True, 7, [{"role": "assistant", "content": "x"}]]
    report = import_(session, json.dumps([{"text": turns}, *({"text": one} for one in no_texts)]), JSON)
    assert queued(session) == [("one", 0, None)]
    assert [(row["line"], row["reason"]) for row in report.rejected] == [
        (2, "The row cannot be read: text is a list, not a text."),
        (3, "The row cannot be read: text is an object, not a text."),
        (4, "The row cannot be read: text is true or false, not a text."),
        (5, "The row cannot be read: text is a number, not a text."),
        (6, "The row cannot be read: the prompt does not end with the user's turn."),
    ]


def test_a_line_that_nests_too_deeply_is_just_a_bad_line(session: Session) -> None:
    report = import_(session, '"one"\n' + "[" * 100_000 + '\n"two"', NDJSON)
    assert (report.added, [row["line"] for row in report.rejected]) == (2, [2])


def test_an_empty_list_imports_nothing(session: Session) -> None:
    assert import_(session, "[]", JSON) == ImportReport()
    assert import_(session, "", NDJSON) == ImportReport()
    assert import_(session, "text\n", CSV) == ImportReport()


def test_a_body_of_too_many_rows_is_refused_and_nothing_is_kept(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_bodies, "MOST_ROWS", 3)
    assert import_(session, '["a", "b", "c"]', JSON).added == 3
    taken: list[object] = []
    monkeypatch.setattr(prompt_bodies, "_prompt_row", lambda row, line, **_: taken.append(row))
    with pytest.raises(TooLarge, match=r"^The body has more than 3 rows: send it as a file, to /imports\.$"):
        import_(session, json.dumps(["d"] * 1000), JSON)
    assert len(taken) == 4, "the rest of the body is not looked at"


def test_a_packed_body_unpacks_no_further_than_its_bound(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(b"".join(b"text %d\n" % number for number in range(1000)))
    assert import_(session, gzip.compress(b"text\none\n"), CSV).added == 1
    monkeypatch.setattr(prompt_bodies, "LARGEST_UNPACKED", 1000)
    with pytest.raises(Malformed, match="The file unpacks to more than 0 MB"):
        import_(session, packed, NDJSON)
