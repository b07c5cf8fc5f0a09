"""Texts that are brought in and judgments that are taken out from a terminal."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Prompt, within
from app.services.desk import judgments
from models.formats import read_rows
from tests import factories
from tests.app.cli.running import run
from tests.studio import Person, rows


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("prompts.json", '["one", "two", 3]'),
        ("PROMPTS.JSONL", '"one"\n"two"\n3\n'),
        ("prompts.ndjson", '"one"\n"two"\n3\n'),
        ("prompts.csv", 'text\none\n"two"\nthree,3\n'),
        ("prompts.tsv", "text\none\ntwo\nthree\t3\n"),
        ("prompts.csv", 'text,priority\none,\ntwo,\n"three,3\n'),
        ("prompts.txt", f"one\ntwo\n{'x' * 2**20}x\n"),
        ("prompts.jsonl.gz", '"one"\n"two"\n3\n'),
    ],
)
def test_import_prompts_reads_a_file_by_its_ending_and_tells_what_was_not_usable(
    app: Flask, session: Session, tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    result = run(app, "import-prompts", str(path))
    assert (result.exit_code, result.stdout) == (0, "2 queued, 0 known already, 1 not usable.\n")
    assert result.stderr.startswith("  line ")
    assert [(row.text, row.queued, row.source) for row in rows(session, Prompt)] == [
        ("one", True, name),
        ("two", True, name),
    ]


def test_import_prompts_says_how_many_wait_and_how_many_are_checks(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "prompts.csv"
    path.write_text("text,gold\none,\ntwo,right\none,\n", encoding="utf-8")
    result = run(app, "import-prompts", str(path))
    said = "1 queued, 1 as attention checks, 1 known already, 0 not usable.\n"
    assert (result.exit_code, result.stdout) == (0, said)


def test_import_prompts_takes_nothing_from_a_file_that_is_no_text(app: Flask, session: Session, tmp_path: Path) -> None:
    path = tmp_path / "prompts.xlsx"
    path.write_bytes(b"PK\xff\xd8\n")
    result = run(app, "import-prompts", str(path))
    assert (result.exit_code, result.stdout) == (1, "0 queued, 0 known already, 1 not usable.\n")
    sentence = "The row is not UTF-8 text (it holds the byte 0xff): save the file as UTF-8."
    assert result.stderr == f"  line 1: {sentence}\n"
    assert rows(session, Prompt) == []
    path.write_bytes(b"%PDF-1.7 and more")
    sentence = "The file is a PDF document: save its rows as CSV, JSON Lines, XLSX or Parquet."
    assert run(app, "import-prompts", str(path)).stderr == f"Error: {sentence}\n"


def test_import_prompts_does_not_guess_which_column_has_the_texts(app: Flask, session: Session, tmp_path: Path) -> None:
    path = tmp_path / "prompts.csv"
    path.write_text("id,body\n1,hello there\n", encoding="utf-8")
    result = run(app, "import-prompts", str(path))
    said = "Call the column of the texts `text`, or map it on the Data page: the columns are id, body."
    assert (result.exit_code, result.stderr) == (1, f"Error: {said}\n")
    assert rows(session, Prompt) == []


def test_export_writes_what_stands_as_json_lines(app: Flask, session: Session, annotator: Person) -> None:
    prompt = factories.prompt(session, "you are ein Idiot ü")
    stands = factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"], prompt=prompt))
    undone = factories.judgment(session, factories.generation(session, annotator.id))
    judgments.undo(session, annotator.id, undone.id)
    result = run(app, "export", "--format", "seed")
    assert result.exit_code == 0
    said = {"judgment": stands.client_key, "verdict": "chosen"}
    expected = {"toxic": "you are ein Idiot ü", "chosen": "a", "rejected": ["b"], **said}
    assert [json.loads(line) for line in result.stdout.splitlines()] == [expected]
    assert set(json.loads(run(app, "export").stdout)) == {"prompt", "chosen", "rejected", *said}
    assert run(app, "export", "--format", "parquet").exit_code == 2


def test_export_writes_parquet_and_pseudonyms_when_asked(app: Flask, session: Session, annotator: Person) -> None:
    factories.judgment(session, factories.generation(session, annotator.id))
    written = run(app, "export", "--format", "judgments-parquet", "--pseudonyms").stdout_bytes
    (row,) = pq.read_table(io.BytesIO(written)).to_pylist()
    assert row["person"].startswith("person-")


def test_export_masks_and_leaves_out_when_a_file_for_the_manifest_is_named(
    app: Flask, session: Session, annotator: Person, tmp_path: Path
) -> None:
    prompt = factories.prompt(session, "ask ada@example.org")
    judgment = factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"], prompt=prompt))
    refused = run(app, "export", "--personal", "mask")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Name a file for what is masked and left out: --manifest FILE." in refused.stderr
    for choice, prompts, left in (("mask", ["ask [email]"], []), ("leave-out", [], [judgment.id])):
        place = tmp_path / f"{choice}.json"
        made = run(app, "export", "--personal", choice, "--manifest", str(place))
        assert [json.loads(line)["prompt"] for line in made.stdout.splitlines()] == prompts
        said = json.loads(place.read_text(encoding="utf-8"))
        assert said["sha256"] == hashlib.sha256(made.stdout_bytes).hexdigest()
        assert said["left_out"]["personal"] == left
    assert "File exists" in run(app, "export", "--manifest", str(place)).stderr
    path = tmp_path / "pairs.zip"
    assert run(app, "export-dataset", str(path), "--personal", "mask").exit_code == 0
    assert [row["prompt"] for row in read_rows(path).rows] == ["ask [email]"]


def test_import_prompts_keeps_the_other_columns_but_those_left_out(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,language,page\none,de,7\n")
    result = run(app, "import-prompts", str(path), "--leave-out", "page")
    assert result.stdout == "1 queued, 0 known already, 0 not usable.\nKept with them: language.\n"
    assert [row.metadata_ for row in rows(session, Prompt)] == [{"language": "de"}]
    refused = run(app, "import-prompts", str(path), "--leave-out", "pages")
    assert refused.stderr == "Error: There is no column pages beside the texts: there are language, page.\n"


def test_import_prompts_reads_a_folder_in_the_layout_of_the_hub(app: Flask, session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    (folder / "data" / "train.jsonl").write_text('{"text": "one"}\n')
    assert run(app, "import-prompts", str(folder)).stdout == "1 queued, 0 known already, 0 not usable.\n"
    (folder / "data" / "test.jsonl").write_text('{"text": "two"}\n')
    sentence = "The folder holds 2 files instead of one: data/test.jsonl, data/train.jsonl."
    assert run(app, "import-prompts", str(folder)).stderr == f"Error: {sentence}\n"


def test_export_dataset_writes_a_new_zip_that_can_be_imported(app: Flask, session: Session, tmp_path: Path) -> None:
    person = factories.user(session)
    factories.judgment(session, factories.generation(session, person.id, ["a", "b"]))
    path = tmp_path / "pairs.zip"
    assert run(app, "export-dataset", str(path)).exit_code == 0
    assert [row["chosen"] for row in read_rows(path).rows] == ["a"]
    again = run(app, "export-dataset", str(path))
    assert (again.exit_code, "File exists" in again.stderr) == (1, True)


def test_a_command_is_about_the_project_that_it_names(app: Flask, session: Session, tmp_path: Path) -> None:
    second = factories.project(session).id
    path = tmp_path / "prompts.txt"
    path.write_text("of the second\n")
    assert run(app, "import-prompts", str(path), "--project", "second").stdout.startswith("1 queued")
    assert rows(session, Prompt) == []
    person = factories.user(session).id
    factories.judgment(session, factories.generation(session, person, ["a first", "b"]))
    with within(session, second):
        assert [(one.text, one.queued) for one in rows(session, Prompt)] == [("of the second", True)]
        factories.judgment(session, factories.generation(session, person, ["a second", "b"], version=2))

    def exported(*options: str) -> list[str]:
        return [json.loads(line)["chosen"] for line in run(app, "export", *options).stdout.splitlines()]

    assert (exported(), exported("--project", "second")) == (["a first"], ["a second"])
    made = tmp_path / "pairs.zip"
    assert run(app, "export-dataset", str(made), "--project", "second").exit_code == 0
    assert [row["chosen"] for row in read_rows(made).rows] == ["a second"]


@pytest.mark.parametrize("command", [("export",), ("export-dataset", "new.zip"), ("import-prompts", __file__)])
def test_a_project_that_is_not_there_is_one_sentence(app: Flask, command: tuple[str, ...]) -> None:
    result = run(app, *command, "--project", "nowhere")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: There is no project nowhere.\n")
