"""Files of pairs: every form that people bring them in, and not one row lost without a word."""

from __future__ import annotations

import csv
import io
import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.formats.files.pair_columns import Columns
from models.formats.files.pair_files import PairFile, read_pair_file, read_pairs_from, read_pairs_of
from models.formats.splitting import held_out_keys
from models.model_errors import PairFileError

PARADETOX = Path(os.environ.get("MELLOW_SHARED_DATA", "../shared/data")) / "paradetox.tsv"
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1).map(str.strip)
TEXTS = TEXT.filter(bool)


def read(text: str | bytes, name: str = "pairs.tsv", **columns: str) -> PairFile:
    body = text.encode() if isinstance(text, str) else text
    return read_pairs_from(body, name, Columns(**columns))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", "source\ttarget\nyou fool\tyou\n"),
        ("a.txt", "toxic\tneutral1\nyou fool\tyou\n"),
        ("a.csv", "prompt,completion\nyou fool,you\n"),
        ("a.csv", "Input,Output\nyou fool,you\n"),
        ("a.csv", "text;rewrite\nyou fool;you\n"),
        ("a.CSV", '"target","source"\n"you","you fool"\n'),
        ("a.tsv", "en_toxic_comment\ten_neutral_comment\nyou fool\tyou\n"),
        ("a.jsonl", '{"prompt": "you fool", "completion": "you"}\n'),
        ("a.ndjson", '{"completion": "you", "id": 7, "prompt": "you fool"}'),
        ("a.jsonl", '{"instruction": "you fool", "input": "", "output": "you"}\n'),
        ("a.jsonl", '["you fool", "you"]\n'),
        ("a.tsv", "you fool\tyou"),
        ("a.tsv", "before\tafter\nyou fool\tyou\n"),
        ("a.tsv", "\ufeffsource\ttarget\r\n\r\nyou fool\tyou\r\n\r\n"),
        ("a.tsv", "source\ttarget\ryou fool\tyou\r"),
    ],
)
def test_every_form_of_a_file_yields_the_pair(name: str, text: str) -> None:
    file = read(text, name)
    assert file.pairs == [("you fool", "you")]
    assert file.problems == ()
    file.check_usable()


def test_several_rewrites_of_a_source_are_several_pairs_and_empty_ones_none() -> None:
    file = read("toxic\tneutral1\tneutral2\tneutral3\na fool\ta\t\tb\nan idiot\tc\n")
    assert file.pairs == [("a fool", "a"), ("a fool", "b"), ("an idiot", "c")]
    assert file.by_source() == {"a fool": ["a", "b"], "an idiot": ["c"]}
    assert file.row_count == 2


def test_a_list_of_rewrites_in_json_is_several_references() -> None:
    assert read('{"source": "x", "target": ["a", " b ", ""]}', "a.jsonl").rows[0].references == ("a", "b")


def test_the_parts_of_an_instruction_are_joined() -> None:
    (pair,) = read('{"instruction": "Be kind.", "input": "fool", "output": "friend"}', "a.jsonl").pairs
    assert pair == ("Be kind.\n\nfool", "friend")


def test_named_columns_are_read_whatever_else_the_header_says() -> None:
    text = "source,target,before,after1,after2\na,b,c,d,e\n"
    assert read(text, "a.csv", source="Before", target="after").pairs == [("c", "d"), ("c", "e")]
    assert read(text, "a.csv", target="after2").pairs == [("a", "e")]


def test_columns_that_are_not_there_are_named_with_those_that_are() -> None:
    with pytest.raises(PairFileError) as caught:
        read("a,b\nc,d\n", "a.csv", source="x", target="y")
    assert str(caught.value) == "There is no source column x with a target column y: the columns are a, b."


def test_a_file_without_known_names_says_how_it_was_read() -> None:
    assert read("original\tpolite\na\tb\n").notes == (
        "No known column names were found, so the first two columns are source and target; line 1 is read as their "
        "header (original, polite).",
    )
    assert read("you fool !\tyou\n").notes == (
        "No known column names were found, so the first two columns are source and target; line 1 is read as a pair.",
    )


def test_every_bad_row_is_reported_with_its_line_and_reason() -> None:
    file = read("source\ttarget\n\nok\tfine\n\tx\ny\t \none\na\tb\tc\nz\t\0\nlast\tone\n")
    assert file.pairs == [("ok", "fine"), ("last", "one")]
    assert [(problem.line, problem.reason) for problem in file.problems] == [
        (4, "the source is empty"),
        (5, "the target is empty"),
        (6, "1 column instead of 2"),
        (7, "3 columns instead of 2"),
        (8, "it holds characters that cannot be stored"),
    ]
    with pytest.raises(PairFileError, match=r"cannot be used\. 5 of 7 rows were left out: "):
        file.check_usable()


def test_every_bad_line_of_json_is_reported() -> None:
    lines = [
        '{"source": "a", "target": "b"}',
        "{",
        "7",
        '{"source": "a"}',
        '{"source": 1, "target": "b"}',
        '{"source": "\\ud800", "target": "b"}',
        '["a", "b", "c"]',
        "[" * 5000,
    ]
    file = read("\n".join(lines), "a.jsonl")
    assert len(file.pairs) == 1
    assert [(problem.line, problem.reason) for problem in file.problems] == [
        (2, "the line is not JSON"),
        (3, "the row is neither a text nor an object"),
        (4, "There is no known pair of columns, such as source and target: the columns are source"),
        (5, "source is not a text"),
        (6, "it holds characters that cannot be stored"),
        (7, "3 columns instead of 2"),
        (8, "the line is not JSON"),
    ]


def test_the_report_groups_lines_by_reason_and_counts_what_it_does_not_name() -> None:
    bad = read("source\ttarget\n" + "a\t\n\tb\n" * 3 + "ok\tfine\n" * 20)
    assert bad.problem_report() == (
        "6 of 26 rows were left out: lines 2, 4, 6 (the target is empty); lines 3, 5, 7 (the source is empty)."
    )
    assert bad.problem_report(most=1) == "6 of 26 rows were left out: line 2 (the target is empty); and 5 more."
    assert read("source\ttarget\na\tb\n").problem_report() == ""


def test_bad_rows_without_end_are_counted_and_the_first_thousand_are_kept() -> None:
    file = read("{}\n" * 5000 + '["a", "b"]\n', "a.jsonl")
    assert (len(file.problems), file.problem_count, file.row_count) == (1000, 5000, 5001)
    assert file.problem_report(2) == (
        "5,000 of 5,001 rows were left out: lines 1, 2 (There is no known pair of columns, such as source and target: "
        "the columns are none); and 4,998 more."
    )
    with pytest.raises(PairFileError, match=r"5,000 of 5,001 rows were left out"):
        file.check_usable()


@pytest.mark.long
def test_many_bad_lines_take_little_memory() -> None:
    body = b"{}\n" * 60_000
    tracemalloc.start()
    try:
        assert read(body, "a.jsonl").problem_count == 60_000
        assert tracemalloc.get_traced_memory()[1] < 10 * len(body)
    finally:
        tracemalloc.stop()


def test_half_bad_is_still_read_and_no_rows_at_all_are_refused() -> None:
    read("source\ttarget\na\tb\n\tc\n").check_usable()
    for empty in ("", "\n\n", "source\ttarget\n"):
        with pytest.raises(PairFileError, match="The file holds no pairs"):
            read(empty).check_usable()


def test_repeated_pairs_are_counted_and_known_by_their_first_line() -> None:
    file = read("source\ttarget\na\tb\na\tc\na\tb \n")
    assert (len(file.pairs), file.duplicates) == (3, 1)
    assert file.unique_pairs == {("a", "b"): 2, ("a", "c"): 3}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"source\ttarget\na\tb\ncaf\xe9\tb\n", "Line 3 is not UTF-8 text (it holds the byte 0xe9): save the file "),
        (b"PK\x05\x06" + bytes(18), "The zip archive holds 0 files instead of one."),
    ],
)
def test_another_encoding_is_one_sentence_with_the_line(body: bytes, sentence: str) -> None:
    with pytest.raises(PairFileError) as caught:
        read(body)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("name", ["pairs", "pairs.xlsx", "tsv"])
@pytest.mark.parametrize("text", ["a b\tc", '{"source": "a b", "target": "c"}', '[{"source": "a b", "target": "c"}]'])
def test_a_file_is_read_by_its_content_whatever_it_is_called(name: str, text: str) -> None:
    assert read(text, name).pairs == [("a b", "c")]


def test_a_table_with_one_column_is_refused() -> None:
    with pytest.raises(PairFileError, match="Line 1 has one column"):
        read("just texts\nand more\n")


def test_quoted_cells_of_a_csv_may_hold_commas_quotes_and_lines() -> None:
    text = 'source,target\n"a ""b""\nc","d,e"\nf,g\n'
    file = read(text, "a.csv")
    assert file.pairs == [('a "b"\nc', "d,e"), ("f", "g")]
    assert [row.line for row in file.rows] == [2, 4], "a row is known by the line on which it begins"


@pytest.mark.parametrize("cell", ['"a ""b"" c"', '"a"', '"a\nb"', '"a\r\n\r\nb"'])
def test_quotes_around_the_cells_of_a_tsv_are_none_of_the_text(cell: str) -> None:
    file = read(f"source\ttarget\n{cell}\tx\n")
    assert file.pairs == [(cell[1:-1].replace('""', '"'), "x")]
    assert file.notes == ()


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_two_stray_quotes_in_a_tsv_swallow_no_rows(ends: str) -> None:
    text = 'source\ttarget\nyou fool\t"stop it\nc\td\ne\tf\ng\th please"\nz\ty\n'.replace("\n", ends)
    file = read(text)
    assert file.pairs == [("you fool", '"stop it'), ("c", "d"), ("e", "f"), ("g", 'h please"'), ("z", "y")]
    assert file.notes == (
        "Quotes are read as part of the texts, since one in line 2 is opened and not closed properly.",
    )


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ('source\ttarget\n"a\tb"\nc\td\n', [('"a', 'b"'), ("c", "d")]),
        ('source\ttarget\na\t"b\nc"\td\n', [("a", '"b'), ('c"', "d")]),
        ('a\t"b\nc"\td\n', [("a", '"b'), ('c"', "d")]),
        ('toxic\tneutral1\tneutral2\tneutral3\na\t"b\nc"\td\n', [("a", '"b'), ('c"', "d")]),
    ],
)
def test_no_two_rows_of_a_tsv_are_joined_by_stray_quotes(text: str, pairs: list[tuple[str, str]]) -> None:
    assert read(text).pairs == pairs


@pytest.mark.parametrize("cell", ['"no" he said', '"unclosed', 'say "hi" "', '"a"b'])
def test_a_tab_separated_text_with_stray_quotes_keeps_them(cell: str) -> None:
    file = read(f"source\ttarget\n{cell}\tx\ny\tz\n")
    assert file.pairs == [(cell, "x"), ("y", "z")]
    if cell.startswith('"'):
        assert file.notes == (
            "Quotes are read as part of the texts, since one in line 2 is opened and not closed properly.",
        )


def test_a_long_cell_of_a_tsv_is_no_stray_quote() -> None:
    rows = 'you ""big"" idiot'
    for longest, problems in ((200_000, []), (2**20 + 1, ["the line has more than 1,048,576 characters"])):
        text = f'toxic\tneutral1\nlong\t{"x" * longest}\n"{rows}"\t"you, person"\n'
        file = read_pairs_from(text.encode(), "pairs.tsv")
        assert file.pairs[-1] == ('you "big" idiot', "you, person")
        assert [problem.reason for problem in file.problems] == problems
        assert not any("Quotes" in note for note in file.notes)


def test_one_column_cannot_be_both_sides() -> None:
    with pytest.raises(PairFileError, match=r"^The column Toxic cannot be both the source and the target\.$"):
        read_pairs_from(b"toxic\tneutral1\na\tb\n", "pairs.tsv", Columns("Toxic", "toxic"))


def test_a_broken_quote_in_a_csv_is_a_bad_row_and_the_next_row_is_good() -> None:
    file = read('source,target\n"a"b,c\nd,e\n', "a.csv")
    assert file.pairs == [("d", "e")]
    assert file.problems[0].line == 2
    assert file.problems[0].reason.startswith("the row cannot be taken apart")


def test_a_quote_that_is_never_closed_in_a_csv_is_named_with_its_line_and_swallows_no_row() -> None:
    file = read('source,target\na,b\n"c,d\ne,f\n', "a.csv")
    assert file.pairs == [("a", "b"), ("e", "f")]
    assert [(problem.line, problem.reason) for problem in file.problems] == [
        (3, "a quote that is opened in line 3 is never closed")
    ]


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1))
def test_what_the_csv_module_writes_is_read_back(pairs: list[tuple[str, str]]) -> None:
    without_tabs = [(one, other) for one, other in pairs if "\t" not in one + other]
    for name, delimiter, expected in (("a.csv", ",", pairs), ("a.tsv", "\t", without_tabs)):
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerows([("source", "target"), *expected])
        file = read(out.getvalue(), name)
        assert file.pairs == expected
        assert file.problems == ()


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1), st.booleans())
def test_what_json_writes_is_read_back(pairs: list[tuple[str, str]], plain: bool) -> None:
    lines = [json.dumps({"source": a, "target": b}, ensure_ascii=plain) for a, b in pairs]
    assert read("\n".join(lines), "a.jsonl").pairs == pairs


@given(st.binary(), st.sampled_from(["a.tsv", "a.csv", "a.jsonl"]))
def test_no_bytes_at_all_are_a_traceback(body: bytes, name: str) -> None:
    try:
        file = read(body, name)
    except PairFileError:
        return
    assert all(row.references and row.source for row in file.rows)


@example('\r"', "a.tsv")
@given(st.text(st.sampled_from('ab\t,"\n\r '), max_size=60), st.sampled_from(["a.tsv", "a.csv"]))
def test_every_line_with_something_in_it_is_a_row_a_problem_or_told(text: str, name: str) -> None:
    try:
        file = read(f"source{',' if name == 'a.csv' else chr(9)}target\n{text}", name)
    except PairFileError:
        return
    held = "".join(row.source + "".join(row.references) for row in file.rows)
    letters = sum(letter in "ab" for letter in held)
    assert letters == sum(letter in "ab" for letter in text) or file.problems


def test_rows_of_a_dataset_are_read_like_lines() -> None:
    file = read_pairs_of([{"toxic": "a fool", "neutral1": "a", "neutral2": None}, {"toxic": "", "neutral1": "b"}])
    assert file.pairs == [("a fool", "a")]
    assert file.problem_report() == "1 of 2 rows was left out: line 2 (the source is empty)."


@pytest.mark.long
@pytest.mark.skipif(not PARADETOX.exists(), reason="MELLOW_SHARED_DATA has no paradetox.tsv")
def test_paradetox_is_read_whole() -> None:
    file = read_pair_file(PARADETOX)
    assert (file.row_count, len(file.pairs), file.problems, file.notes) == (11_927, 19_743, (), ())
    assert (file.duplicates, len(file.by_source())) == (513, 11_927)
    assert sum(bool(held_out_keys([source])) for source in file.by_source()) == 601
    with PARADETOX.open(encoding="utf-8", newline="") as raw:
        expected = [row for row in csv.reader(raw, delimiter="\t") if row][1:]
    assert file.pairs == [(row[0], text) for row in expected for text in row[1:] if text]
