"""Initial training over HTTP: data is checked and kept, a run names it, and only admins may."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.db import TrainingRun
from app.services.training import initial_training
from models.settings.sft import SFTRecipe
from models.store.uploads import UploadStore
from tests import factories
from tests.app.routes.desk.test_api import body, problem
from tests.studio import Person, parts, rows

TSV = "text/tab-separated-values"
PAIRS = "toxic\tneutral1\tneutral2\na fool\ta\tb\nan idiot\tc\t\nan idiot\tc\t\n\tno source\t\n"


def upload(person: Person, text: str | bytes = PAIRS, kind: str = TSV, query: str = "") -> TestResponse:
    return person.call("POST", f"/datasets{query}", data=text, content_type=kind)


@pytest.fixture
def uploads(app: Flask) -> UploadStore:
    return UploadStore(parts(app).store.root)


def test_pairs_are_kept_under_their_hash_and_described(admin: Person, uploads: UploadStore) -> None:
    found = body(upload(admin), 201)
    digest = hashlib.sha256(b"tsv\n" + PAIRS.encode()).hexdigest()
    assert found == {
        "sha256": digest,
        "rows": 4,
        "pairs": 4,
        "sources": 2,
        "dev_sources": 1,
        "duplicates": 1,
        "problem_count": 1,
        "problems": [{"line": 5, "reason": "the source is empty"}],
        "notes": [],
        "sample": [
            {"line": 2, "source": "a fool", "references": ["a", "b"]},
            {"line": 3, "source": "an idiot", "references": ["c"]},
            {"line": 4, "source": "an idiot", "references": ["c"]},
        ],
    }
    assert uploads.read(digest) == (PAIRS.encode(), f"{digest}.tsv")


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/csv"])
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_packed_or_no_text_is_told_by_its_content_also_when_it_is_read_again(
    session: Session, admin: Person, kind: str, packed: bool
) -> None:
    factories.version(session)
    sheet = io.BytesIO()
    pq.write_table(pa.table({"source": ["a fool"], "target": ["a"]}), sheet)
    plain = sheet.getvalue() if kind == "application/octet-stream" else b"source,target\na fool,a\n"
    found = body(upload(admin, gzip.compress(plain) if packed else plain, kind), 201)
    assert [(one["source"], one["references"]) for one in found["sample"]] == [("a fool", ["a"])]
    config = {"dataset": found["sha256"], "version": 1}
    body(admin.post("/training-runs", {"method": "sft", "config": config}), 202)
    (run,) = rows(session, TrainingRun)
    assert run.pairs == 1


def test_columns_are_named_in_the_query(admin: Person) -> None:
    text = "source,before,after\nx,a fool,a\n"
    found = body(upload(admin, text, "text/csv", "?source_column=before&target_column=after"), 201)
    assert found["sample"] == [{"line": 2, "source": "a fool", "references": ["a"]}]


def test_the_first_twenty_problems_are_listed_and_all_are_counted(admin: Person) -> None:
    found = body(upload(admin, "source\ttarget\n" + "a\tb\n" * 30 + "\tb\n" * 30), 201)
    assert (found["problem_count"], len(found["problems"])) == (30, 20)


def test_long_texts_and_many_references_are_shown_in_part(admin: Person) -> None:
    line = json.dumps({"source": "a" * 3000, "target": ["b" * 3000] + ["c"] * 30})
    found = body(upload(admin, line, "application/x-ndjson"), 201)
    (sample,) = found["sample"]
    assert found["pairs"] == 31
    assert sample["source"] == "a" * 2000 + "…"
    assert (sample["references"][0], len(sample["references"])) == ("b" * 2000 + "…", 20)


def test_all_problems_are_counted_however_many(admin: Person) -> None:
    answer = upload(admin, "{}\n" * 1500, "application/x-ndjson")
    assert (answer.status_code, answer.get_json()["problem_count"], len(answer.get_json()["problems"])) == (
        422,
        1500,
        20,
    )


def test_what_a_file_is_told_by_its_content_whatever_it_was_sent_as(admin: Person, uploads: UploadStore) -> None:
    text = "source,target\ta\na,b\tc\n"
    one = body(upload(admin, text, "text/csv"), 201)
    other = body(upload(admin, text), 201)
    assert one["sample"] == other["sample"]
    assert uploads.read(one["sha256"])[1].endswith(".csv"), "a run that names it reads what was shown"


@pytest.mark.parametrize(
    ("text", "kind", "status", "sentence"),
    [
        (b"source\ttarget\ncaf\xe9\tb\n", TSV, 400, "Line 2 is not UTF-8 text (it holds the byte 0xe9): save the file"),
        (b'source,target\n"a,b\n', "text/csv", 422, "More than half of the rows cannot be used. 1 of 1 rows was left "),
        (
            b"a",
            "text/plain",
            400,
            "Send text/tab-separated-values, text/csv, application/x-ndjson or application/octet",
        ),
        (b"", TSV, 422, "The file holds no pairs."),
        (b"source\ttarget\na\tb\n\tc\nd\t\n", TSV, 422, "More than half of the rows cannot be used. 2 of 3 rows were "),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence_and_nothing_is_kept(
    admin: Person, uploads: UploadStore, text: bytes, kind: str, status: int, sentence: str
) -> None:
    found, said = problem(upload(admin, text, kind))
    assert found == status
    assert said.startswith(sentence)
    assert not uploads.folder.exists()


def test_a_file_beyond_the_limit_is_refused(admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initial_training, "LARGEST_UPLOAD", 8)
    assert problem(upload(admin))[0] == 413


def test_a_run_names_the_data_and_is_handed_to_the_queue(session: Session, admin: Person) -> None:
    factories.version(session)
    digest = body(upload(admin), 201)["sha256"]
    config = {"dataset": digest, "version": 1, "num_train_epochs": 3, "serve": False}
    answer = body(admin.post("/training-runs", {"method": "sft", "config": config}), 202)
    (run,) = rows(session, TrainingRun)
    assert answer == {"id": run.id, "status": "queued"}
    assert (run.method, run.config, run.parent_version) == ("sft", config, 1)
    assert (run.pairs, run.data_hash, run.requested_by) == (3, digest, admin.id)
    assert run.job_id == f"train-{run.id}-1"
    assert body(admin.post("/training-runs", {"method": "sft", "config": config}), 202)["id"] == run.id
    other = admin.post("/training-runs", {"method": "sft", "config": config | {"seed": 5}})
    assert body(other, 202)["id"] == run.id + 1, "another asked waits behind it"
    assert rows(session, TrainingRun)[1].job_id is None


def test_a_run_from_outside_the_studio_needs_no_version_and_no_clicks(session: Session, admin: Person) -> None:
    digest = body(upload(admin), 201)["sha256"]
    run = body(admin.post("/training-runs", {"method": "sft", "config": {"dataset": digest}}), 202)
    assert body(admin.call("GET", f"/training-runs/{run['id']}"), 200)["parent_version"] is None
    assert "the model that comes with Mellow" in admin.browser().get(f"/admin/runs/{run['id']}").text


@pytest.mark.parametrize(
    ("config", "status", "sentence"),
    [
        ({"dataset": "0" * 64}, 422, f"There is no uploaded data '{'0' * 64}': upload it first."),
        ({}, 422, "dataset must be the SHA-256 of data that was uploaded before."),
        ({"num_train_epochs": 0}, 422, "num_train_epochs must be between 1 and 1000, not 0."),
        ({"beta": 1}, 422, "beta is not a setting of the SFT recipe."),
        ({"version": 9}, 404, "There is no version 9."),
        ({"version": -1}, 404, "There is no version -1."),
        ({"version": 10**30}, 404, "There is no version 1000000000000000000000000000000."),
        ({"source_column": "x"}, 422, "There is no source column x with a target column of a known name: the columns "),
    ],
)
def test_a_wish_that_cannot_be_followed_is_refused_and_starts_nothing(
    session: Session, admin: Person, config: dict[str, Any], status: int, sentence: str
) -> None:
    digest = body(upload(admin), 201)["sha256"]
    asked = config if not config or "dataset" in config else {"dataset": digest, **config}
    found, said = problem(admin.post("/training-runs", {"method": "sft", "config": asked}))
    assert found == status
    assert said.startswith(sentence)
    assert rows(session, TrainingRun) == []


def test_data_that_nobody_trained_on_is_removed_after_a_day(
    session: Session, admin: Person, uploads: UploadStore
) -> None:
    used = body(upload(admin, PAIRS), 201)["sha256"]
    unused = body(upload(admin, PAIRS + "x\ty\t\n"), 201)["sha256"]
    admin.post("/training-runs", {"method": "sft", "config": {"dataset": used}})
    for digest in (used, unused):
        os.utime(uploads.path(digest), (0, 0))
    new = body(upload(admin, PAIRS + "y\tz\t\n"), 201)["sha256"]
    assert {path.stem for path in uploads.folder.iterdir()} == {used, new}


def test_only_admins_may_bring_data_or_see_the_page(annotator: Person, uploads: UploadStore) -> None:
    assert upload(annotator).status_code == 403
    assert annotator.browser().get("/admin/start").status_code == 403
    assert not uploads.folder.exists()


def test_the_cookie_alone_uploads_nothing(admin: Person, uploads: UploadStore) -> None:
    browser = admin.browser()
    answer = browser.client.post("/api/v1/datasets", data=PAIRS, content_type=TSV, base_url=browser.base_url)
    assert answer.status_code == 400
    assert not uploads.folder.exists()


def test_the_page_offers_every_setting_within_its_bounds(admin: Person, session: Session) -> None:
    factories.version(session)
    page = admin.browser().get("/admin/start").text
    for one in SFTRecipe.offered():
        assert f'name="{one.name}"' in page
        assert f'<label for="{one.name}">{one.label}</label>' in page or one.kind == "bool"
        if one.kind in ("int", "float"):
            assert f'min="{one.bounds[0]:.10g}" max="{one.bounds[1]:.10g}"' in page
    assert '<option value="constant" selected>the same throughout</option>' in page
    assert "Version 1 (base)" in page
    assert "up to 50 MB" in page
