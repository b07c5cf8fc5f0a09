"""`python -m worker data`: what a file holds, and the same rows in another format."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from models.formats.catalog import FIELD_NAMES
from worker.cli import main

HEARD = "\n\nHuman: Hi\n\nAssistant:"
TRANSCRIPTS = [
    {"chosen": f"{HEARD} Hello!", "rejected": f"{HEARD} What?"},
    {"chosen": f"{HEARD} Yes?", "rejected": HEARD},
    {"chosen": f"{HEARD} Good day!", "rejected": f"{HEARD} No."},
]


@pytest.fixture
def transcripts(tmp_path: Path) -> Path:
    return put(tmp_path / "hh.jsonl", TRANSCRIPTS)


def put(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def convert(source: Path, to: str, output: Path, *more: str) -> int:
    return main(["data", "convert", "--input", str(source), "--to", to, "--output", str(output), *more])


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_check_says_the_format_and_why_rows_are_left_out(
    transcripts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    assert main(["data", "check", str(transcripts), "--report", str(report)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Format: hh, which holds pairs of a chosen and a rejected answer.",
        "Rows: 3, of which 2 can be used, with 1 different prompts; 2 of them are conversations.",
        "1 of 3 rows was left out: line 2 (rejected has an empty turn of Assistant).",
        "Characters of prompt: median 2, 95 % at most 2, longest 2.",
        "Characters of chosen: median 6, 95 % at most 9, longest 9.",
        "Characters of rejected: median 3, 95 % at most 5, longest 5.",
        "Can be read as: preference, unpaired, completion, prompt, ranked.",
    ]
    found = json.loads(report.read_text())
    assert (found["usable"], found["left_out"], found["problems"][0]["line"]) == (2, 1, 2)


def test_check_ends_with_1_where_training_would_refuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = put(tmp_path / "bad.jsonl", [{"prompt": "a", "chosen": "", "rejected": "b"}])
    assert main(["data", "check", str(bad)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("Format: preference, ")
    assert said.err.startswith("More than half of the rows cannot be used. 1 of 1 rows was left out: line 1 (")


def test_convert_writes_the_rows_and_reports_the_others(
    transcripts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    assert convert(transcripts, "trl", output, "--report", str(report)) == 0
    said = capsys.readouterr()
    assert said.out == f"{output} has 2 rows in the format trl.\n"
    assert "1 of 3 rows was left out: line 2 (rejected has an empty turn of Assistant).\n" in said.err
    assert records(output)[0] == {
        "prompt": [{"role": "user", "content": "Hi"}],
        "chosen": [{"role": "assistant", "content": "Hello!"}],
        "rejected": [{"role": "assistant", "content": "What?"}],
    }
    assert json.loads(report.read_text())["output"] == {"rows": 2, "left_out": 0, "problems": []}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hh.jsonl", "out.jsonl", "report.json"]


@pytest.mark.parametrize(
    "to", ["trl", "trl-chat", "kto", "completion", "chat", "prompt", "ranked", "hh", "seed", "jsonl"]
)
def test_what_convert_writes_is_read_again(transcripts: Path, tmp_path: Path, to: str) -> None:
    for name in ("out.jsonl", "out.json", "out.jsonl.gz"):
        assert convert(transcripts, to, tmp_path / name) == 0
        assert main(["data", "check", str(tmp_path / name)]) == 0


def test_tables_are_written_with_a_header(transcripts: Path, tmp_path: Path) -> None:
    assert convert(transcripts, "csv", tmp_path / "out.csv") == 0
    assert (tmp_path / "out.csv").read_text() == "prompt,chosen,rejected\nHi,Hello!,What?\nHi,Good day!,No.\n"
    assert convert(transcripts, "tsv", tmp_path / "out.tsv.gz") == 0
    assert gzip.decompress((tmp_path / "out.tsv.gz").read_bytes()).startswith(b"prompt\tchosen\trejected\nHi\t")


def test_a_file_that_is_there_is_kept_unless_it_may_be_replaced(
    transcripts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("mine")
    assert convert(transcripts, "trl", output) == 1
    assert capsys.readouterr().err == f"{output} is there already: --overwrite replaces it.\n"
    assert output.read_text() == "mine"
    assert convert(transcripts, "trl", output, "--overwrite") == 0
    assert len(records(output)) == 2


def test_a_report_takes_the_place_of_no_file(transcripts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = transcripts.read_bytes()
    assert main(["data", "check", str(transcripts), "--report", str(transcripts)]) == 1
    assert capsys.readouterr().err == f"{transcripts} is there already: name another file.\n"
    assert transcripts.read_bytes() == before


def test_the_output_and_the_report_are_two_files(
    transcripts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.jsonl"
    assert convert(transcripts, "trl", output, "--report", str(output)) == 1
    assert capsys.readouterr().err == f"{output} cannot be both the output and the report.\n"
    assert not output.exists()


def test_what_a_format_cannot_hold_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turns = [{"role": role, "content": "x"} for role in ("user", "assistant", "user")]
    row = {"prompt": turns, "chosen": "a", "rejected": "b"}
    assert convert(put(tmp_path / "in.jsonl", [row]), "seed", tmp_path / "out.jsonl") == 1
    assert "line 1 (a conversation of several turns has no place in this format)" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_files_are_mixed_by_their_objectives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, count in (("helpful", 20), ("harmless", 4)):
        rows = [{"prompt": f"{name} {number}", "chosen": "a", "rejected": "b"} for number in range(count)]
        put(tmp_path / f"{name}.jsonl", rows)
    given = [f"{name}={tmp_path / name}.jsonl" for name in ("helpful", "harmless")]
    output = tmp_path / "out.jsonl"
    command = ["data", "convert", "--input", *given, "--to", "trl", "--output", str(output)]
    assert main([*command, "--mix", "helpful=0.6,harmless=0.4"]) == 0
    assert "The mix has 10 rows: 6 of 20 helpful, 4 of 4 harmless.\n" in capsys.readouterr().err
    assert sorted(row["objective"] for row in records(output)) == ["harmless"] * 4 + ["helpful"] * 6
    assert main([*command, "--overwrite"]) == 0
    assert len(records(output)) == 24


def test_equal_rows_are_written_once_if_asked_for(tmp_path: Path) -> None:
    row = {"prompt": "p", "chosen": "a", "rejected": "b"}
    source = put(tmp_path / "in.jsonl", [row, row])
    assert convert(source, "trl", tmp_path / "out.jsonl", "--drop_duplicates") == 0
    assert records(tmp_path / "out.jsonl") == [row]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["check"], "Name either a file or a --dataset_name."),
        (["check", "no.jsonl"], "no.jsonl: No such file or directory."),
        (["check", "a", "--columns", "prompt"], "prompt is not a field and its column, such as prompt=question."),
        (
            ["check", "a", "--columns", "chosen=better", "regected=worse"],
            f"There is no field regected: it is one of {', '.join(FIELD_NAMES)}.",
        ),
        (["check", "a", "--report", "/nowhere/r.json"], "There is no folder /nowhere to write r.json to."),
        (
            ["convert", "--input", "a", "--to", "csv", "--output", "o.jsonl"],
            "The format csv is written to .csv, not to o.jsonl.",
        ),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", *arguments]) == 1
    assert capsys.readouterr().err == f"{sentence}\n"
