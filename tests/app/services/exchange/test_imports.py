"""Files of every layout and tool, looked at and stored: good rows, bad rows, duplicates, judgments."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, Candidate, Judgment, Preference, Prompt
from app.errors import Conflict, Invalid, Malformed, NotFound
from app.services.exchange import exports, imports
from app.services.exchange import rows as import_rows
from app.services.exchange.imports import Preview, Progress, Wish
from app.services.exchange.rows import RowFile, layout_of
from app.services.exchange.uploads import ImportUploads
from tests import factories
from tests.studio import Person, rows

LONGEST = 1000
LABEL_STUDIO = {
    "id": 7,
    "data": {"prompt": "you fool", "answers": [{"id": "a", "body": "you are wrong"}, {"id": "b", "body": "you idiot"}]},
    "annotations": [
        {
            "id": 12,
            "completed_by": 1,
            "was_cancelled": False,
            "ground_truth": False,
            "lead_time": 3.5,
            "result": [
                {
                    "id": "x1",
                    "type": "ranker",
                    "origin": "manual",
                    "from_name": "rank",
                    "to_name": "answers",
                    "value": {"ranker": {"_": [], "chosen": ["a"], "rejected": ["b"]}},
                }
            ],
        },
        {"id": 13, "was_cancelled": True, "result": []},
    ],
    "predictions": [],
    "meta": {},
}
LABEL_STUDIO_ORDER = LABEL_STUDIO | {
    "annotations": [{"result": [{"type": "ranker", "value": {"ranker": {"rank": ["a", "b"]}}}]}]
}
ARGILLA_SERVER = {
    "fields": {"prompt": "you fool", "first": "you are wrong", "second": "you idiot"},
    "responses": [
        {
            "values": {"order": {"value": [{"value": "first", "rank": 1}, {"value": "second", "rank": 2}]}},
            "status": "submitted",
            "user_id": "6c1cbdbf-1b1f-4f7a-b94c-6a2a8bd5a3a4",
        }
    ],
    "external_id": "9",
}
ARGILLA_CLIENT = {
    "id": "9",
    "fields": {"prompt": "you fool", "first": "you are wrong", "second": "you idiot"},
    "metadata": {},
    "suggestions": {},
    "responses": {"order": [{"value": ["first", "second"], "user_id": "6c1cbdbf-1b1f-4f7a-b94c-6a2a8bd5a3a4"}]},
    "vectors": {},
    "status": "completed",
}


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def written(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def look(session: Session, path: Path, **wished: object) -> Preview:
    return imports.preview(session, path, wished, LONGEST)


def store(session: Session, person: Person, path: Path, **wished: object) -> Progress:
    mapping = look(session, path).mapping.as_json()
    wish = Wish.parse({**mapping, **wished}, path.name)
    *_, last = imports.run(session, person.id, path, wish, LONGEST)
    assert last.done
    return last


def queued(session: Session) -> list[str]:
    return [prompt.text for prompt in rows(session, Prompt) if prompt.queued]


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


def test_columns_are_found_by_the_names_that_the_page_has_for_them(session: Session, admin: Person, write: Any) -> None:
    path = write("a.csv", "Text,Priority,Overlap,Right answer,Wrong answers\none,1,3,two,three|four\n")
    mapping = imports.preview(session, path, {}, 1000).mapping
    assert (mapping.text, mapping.priority, mapping.overlap) == ("Text", "Priority", "Overlap")
    assert (mapping.gold, mapping.gold_wrong) == ("Right answer", "Wrong answers")


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
    assert report.rejected == [{"line": 2, "reason": "The row is not UTF-8 text: save the file as UTF-8."}]
    assert queued(session) == ["one", "three"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", "text\none".encode("utf-16"), "The file is UTF-16 text: save it as UTF-8."),
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


def test_rows_of_a_long_json_list_come_one_by_one_with_their_lines(write: Any) -> None:
    texts = ["x" * (1 + number % 5000) for number in range(2_000)]
    path = write("a.json", "[\n" + ",\n".join(json.dumps({"text": text}) for text in texts) + "\n]\n")
    file = RowFile(path, layout_of(path))
    found = list(file.rows())
    assert [row.value["text"] for row in found if isinstance(row.value, dict)] == texts
    assert [row.line for row in found] == list(range(2, 2_002))


@pytest.mark.parametrize(
    ("name", "lines", "good"),
    [
        ("a.txt", ["one", "{}", "two"], ["one", "two"]),
        ("a.jsonl", ['"one"', '"{}"', '"two"'], ["one", "two"]),
        ("a.csv", ["text,n", "{},1", "two,2"], [{"text": "two", "n": "2"}]),
        ("a.tsv", ["text\tn", "{}\t1", "two\t2"], [{"text": "two", "n": "2"}]),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_that_is_too_long_spoils_its_own_row_and_is_never_held_whole(
    write: Any, monkeypatch: pytest.MonkeyPatch, name: str, lines: list[str], good: list[object], end: str
) -> None:
    monkeypatch.setattr(import_rows, "_LONGEST_LINE", 1000)
    whole = end.join(lines).replace("{}", "x" * 2_000_000) + end
    path = write(name + ".gz", gzip.compress(whole.encode(), 1))
    tracemalloc.start()
    try:
        found = list(RowFile(path, layout_of(path)).rows())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [(row.line, row.problem) for row in found if row.problem] == [
        (2, "The line has more than 1,000 characters.")
    ]
    assert [row.value for row in found if not row.problem] == good
    assert found[-1].line == 3
    assert peak < 1_000_000


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("length", [10, 11, 12, 23, 24])
def test_lines_keep_their_numbers_wherever_a_long_one_is_cut(
    write: Any, monkeypatch: pytest.MonkeyPatch, end: str, length: int
) -> None:
    monkeypatch.setattr(import_rows, "_LONGEST_LINE", 10)
    path = write("a.txt", f"one{end}{'x' * length}{end}{end}four{end}".encode())
    problem = "" if length <= 10 else "The line has more than 10 characters."
    assert [(row.line, row.problem) for row in RowFile(path, "lines").rows()] == [(1, ""), (2, problem), (4, "")]


def test_a_table_whose_names_are_too_long_is_refused(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_rows, "_LONGEST_LINE", 10)
    with pytest.raises(Malformed, match="names of the columns in line 1 cannot be read"):
        list(RowFile(write("a.csv", "text,priority\none,1\n"), "csv").rows())


@pytest.mark.parametrize("content", ['{"data": ["one", "two", "three"]}', '{"data":\n["one", "two", "three"]}'])
def test_a_json_object_that_is_too_long_is_refused_before_it_is_read_whole(
    write: Any, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    path = write("a.json", content + " " * 2_000_000)
    monkeypatch.setattr(import_rows, "_LARGEST_DOCUMENT", 20)
    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match="one JSON object of more than 64 MB"):
            list(RowFile(path, "json").rows())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_an_element_of_a_json_list_may_have_a_million_characters_and_not_three(write: Any) -> None:
    path = write("a.json", json.dumps(["x" * 1_000_000]))
    assert [len(row.value) for row in RowFile(path, "json").rows()] == [1_000_000]
    path = write("a.json", '["one",\n' + json.dumps("x" * 3_000_000) + "]")
    rows_of_it = RowFile(path, "json").rows()
    assert next(rows_of_it).value == "one"
    with pytest.raises(Malformed, match="What begins in line 2 has more than 1,048,576 characters or is not whole"):
        next(rows_of_it)


def test_white_space_before_a_json_list_is_read_past_in_large_pieces() -> None:
    class Counted(io.TextIOWrapper):
        reads = 0

        def read(self, size: int | None = -1, /) -> str:
            self.reads += 1
            return super().read(size)

    text = Counted(io.BytesIO(b" " * 20_000 + b'["one"]'), encoding="utf-8", newline="")
    assert [row.value for row in import_rows._json(text)] == ["one"]
    assert text.reads < 20


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


def test_progress_is_told_batch_by_batch_and_the_import_is_audited(session: Session, admin: Person, write: Any) -> None:
    path = write("a.txt", "".join(f"text {number}\n" for number in range(1_203)))
    wish = Wish.parse({"layout": "lines", "source": "a list"}, "a.txt")
    told = list(imports.run(session, admin.id, path, wish, LONGEST))
    assert [one.rows for one in told] == [500, 1000, 1203, 1203]
    assert [one.fraction for one in told][-1] == 1.0
    assert [one.done for one in told] == [False, False, False, True]
    (event,) = rows(session, AuditEvent)
    assert (event.subject, event.details) == ("a list", {"added": 1203, "rejected": 0, "judgments": 0})


def test_what_was_stored_before_a_file_breaks_off_stays(session: Session, admin: Person, write: Any) -> None:
    whole = [json.dumps(f"text {number}") for number in range(600)]
    path = write("a.json", "[" + ",".join(whole) + ", {")
    with pytest.raises(Malformed):
        list(imports.run(session, admin.id, path, Wish.parse({"layout": "json"}, "a.json"), LONGEST))
    assert len(queued(session)) == 500
    assert rows(session, AuditEvent)[0].details["added"] == 500


@pytest.mark.parametrize(
    "record",
    [LABEL_STUDIO, LABEL_STUDIO_ORDER, ARGILLA_SERVER, ARGILLA_CLIENT],
    ids=["label-studio-buckets", "label-studio-order", "argilla-server", "argilla-client"],
)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_files_of_label_studio_and_argilla_bring_their_judgments(
    session: Session, admin: Person, write: Any, record: dict[str, Any], name: str
) -> None:
    path = write(name, json.dumps([record] if name == "a.json" else record))
    found = look(session, path)
    assert (found.found.judged, found.judgments, found.usable) == (True, 1, 1)
    assert found.sample[0]["text"] == "you fool"
    assert found.sample[0]["chosen"] == ["you are wrong"]
    for new in (1, 0):
        report = store(session, admin, path, judgments=True, source="elsewhere").report
        assert report.judgments == new, "the same judgment is taken over once"
    (judgment,) = rows(session, Judgment)
    assert (judgment.user_id, judgment.verdict, judgment.seconds) == (admin.id, "chosen", None)
    assert [(row.prompt, row.chosen, row.rejected) for row in rows(session, Preference)] == [
        ("you fool", "you are wrong", "you idiot")
    ]
    assert {row.version_number for row in rows(session, Candidate)} == {None}
    assert judgment.generation.sampling == {"imported_from": "elsewhere"}


@pytest.mark.parametrize("format_name", [name for name in exports.FORMATS if name != "kto"])
def test_an_export_imports_again_as_the_same_pairs(
    session: Session, admin: Person, write: Any, format_name: str
) -> None:
    for number in range(3):
        prompt = factories.prompt(session, f"you fool {number}")
        factories.judgment(session, factories.generation(session, admin.id, ["a", "b", "c"], prompt=prompt))
    before = sorted((row.prompt, row.chosen, row.rejected) for row in rows(session, Preference))
    path = write(f"a.{exports.media_of(format_name).extension}", "".join(exports.stream(session, format_name)))
    for judgment in rows(session, Judgment):
        judgment.undone_at = judgment.created_at
    session.commit()
    found = look(session, path)
    text = "input" if format_name == "llamafactory" else found.mapping.text
    report = store(session, admin, path, queue=False, judgments=True, text=text).report
    assert (report.rejected, queued(session)) == ([], [])
    made = "".join(exports.stream(session, "trl"))
    after = sorted((row["prompt"], row["chosen"], row["rejected"]) for row in map(json.loads, made.splitlines()))
    assert after == before


def test_a_tie_survives_label_studio_and_argilla(session: Session, admin: Person, write: Any) -> None:
    screen = factories.generation(session, admin.id, ["a", "b", "c"], prompt=factories.prompt(session, "you fool"))
    pairs = [factories.preference("you fool", good, "c") for good in ("a", "b")]
    tied = [one.id for one in screen.candidates[:2]]
    session.add(Judgment(generation_id=screen.id, user_id=admin.id, verdict="tie", tied=tied, preferences=pairs))
    session.commit()
    path = write("a.jsonl", "".join(exports.stream(session, "labelstudio")))
    store(session, admin, path, judgments=True)
    judgment = rows(session, Judgment)[-1]
    assert (judgment.verdict, len(judgment.tied or [])) == ("tie", 2)
    assert [(row.chosen, row.rejected, row.weight) for row in judgment.preferences] == [
        ("a", "c", 0.5),
        ("b", "c", 0.5),
    ]


def test_pairs_of_a_text_and_its_rewrite_are_texts_and_no_judgments(session: Session, write: Any) -> None:
    found = look(session, write("a.tsv", "toxic\tneutral1\tneutral2\nyou fool\tyou\t\nmoron\tperson\thuman\n"))
    assert (found.mapping.text, found.found.judged, found.usable, found.judgments) == ("toxic", False, 2, 0)


@pytest.mark.parametrize(
    ("wished", "sentence"),
    [
        ({"layout": "xml"}, "layout must be one of csv, tsv, json, jsonl, lines."),
        ({"layout": "csv", "text": 7}, "text must be the name of a column."),
        ({"layout": "csv", "queue": False}, "Put the texts into the queue, or take over the judgments, or both."),
        ({"layout": "csv", "queue": "yes"}, "queue must be true or false."),
        ({"layout": "csv", "source": "a\nb"}, "source must be a text of at most 200 characters in one line."),
        ({"layout": "csv", "overlap_of_all": 21}, "The overlap must be between 1 and 20."),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(wished: dict[str, object], sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        Wish.parse(wished, "a.csv")
    assert str(refusal.value) == sentence


def test_a_file_is_sent_in_pieces_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    uploads = ImportUploads(tmp_path / "imports")
    upload_id = uploads.begin("../etc/pass wd.csv", b"text\n")
    assert uploads.append(upload_id, 5, b"one\n") == 9
    with pytest.raises(Conflict) as refusal:
        uploads.append(upload_id, 5, b"one\n")
    assert refusal.value.extra == {"bytes": 9}
    assert uploads.path(upload_id).read_bytes() == b"text\none\n"
    assert uploads.name(upload_id) == "pass_wd.csv"
    assert uploads.path(upload_id).parent == tmp_path / "imports"
    for _ in range(2):
        uploads.remove(upload_id)
    for strange in (upload_id, "../../x", "*"):
        with pytest.raises(NotFound):
            uploads.path(strange)
