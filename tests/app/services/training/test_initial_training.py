"""Initial training as the web sees it: pairs are checked and kept, and a run names them by their hash."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import ANSWERING, Project, RunStatus, TrainingRun, now, write_transaction
from app.domain_errors import Conflict, Invalid, Malformed, NotFound
from app.services.training import initial_training
from models.formats.files.pair_columns import Columns
from models.formats.files.pair_files import read_pairs_from
from models.store.uploads import UploadStore
from tests import factories
from tests.studio import rows

TSV = "text/tab-separated-values"
PAIRS = b"source\ttarget\na fool\ta\nan idiot\tb\nan idiot\tb\n"


@pytest.fixture
def uploads(tmp_path: Path) -> UploadStore:
    return UploadStore(tmp_path)


def add(session: Session, uploads: UploadStore, body: bytes = PAIRS, kind: str = TSV) -> dict[str, Any]:
    return initial_training.add_dataset(session, uploads, body, kind, Columns())


def test_pairs_that_can_be_used_are_kept_and_described(session: Session, uploads: UploadStore) -> None:
    found = add(session, uploads)
    assert uploads.read(found["sha256"])[0] == PAIRS
    assert (found["rows"], found["pairs"], found["sources"], found["duplicates"]) == (3, 3, 2, 1)
    assert found["sample"][0] == {"line": 2, "source": "a fool", "references": ["a"]}


def test_a_description_shows_the_first_rows_and_problems_and_counts_the_others() -> None:
    body = "source\ttarget\n" + "a\tb\n" * 6 + "\tno source\n" * 21
    shown = initial_training.describe(read_pairs_from(body.encode(), "some.tsv", Columns()))
    assert (shown["rows"], len(shown["sample"])) == (27, 5)
    assert (shown["problem_count"], len(shown["problems"])) == (21, 20)
    assert shown["problems"][0] == {"line": 8, "reason": "the source is empty"}


@pytest.mark.parametrize(
    ("body", "kind", "error", "sentence"),
    [
        (PAIRS, "", Malformed, "not no content type."),
        (b"source,target\n" + b'"a,b\n', "text/csv", Invalid, "is never closed"),
        (b"source\ttarget\n", TSV, Invalid, "The file holds no pairs."),
    ],
)
def test_of_a_file_that_cannot_be_used_nothing_is_kept(
    session: Session, uploads: UploadStore, body: bytes, kind: str, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error) as refusal:
        add(session, uploads, body, kind)
    assert sentence in str(refusal.value)
    assert not uploads.folder.exists()


def test_an_upload_removes_old_data_that_no_run_names(session: Session, uploads: UploadStore) -> None:
    named, forgotten = (add(session, uploads, PAIRS + extra)["sha256"] for extra in (b"", b"x\ty\n"))
    factories.run(session, RunStatus.FAILED, method="sft", config={"dataset": named})
    for digest in (named, forgotten):
        os.utime(uploads.path(digest), (0, 0))
    new = add(session, uploads, PAIRS + b"y\tz\n")["sha256"]
    assert {path.stem for path in uploads.folder.iterdir()} == {named, new}


def test_a_run_counts_each_pair_once_and_the_same_wish_is_the_same_run(session: Session, uploads: UploadStore) -> None:
    config = {"dataset": add(session, uploads)["sha256"], "num_train_epochs": 3}
    run, is_new = initial_training.request(session, uploads, None, config)
    assert is_new
    assert (run.method, run.config, run.status, run.parent_version) == ("sft", config, "queued", None)
    assert (run.pairs, run.data_hash, run.last_judgment_id) == (2, config["dataset"], 0)
    again, is_new = initial_training.request(session, uploads, None, config)
    assert (again.id, is_new) == (run.id, False)


def test_what_a_run_cannot_start_from_is_refused(session: Session, uploads: UploadStore) -> None:
    factories.version(session, 1, deleted_at=now())
    config = {"dataset": add(session, uploads)["sha256"]}
    with pytest.raises(Invalid, match=r"^There is no uploaded data '0{64}': upload it first\.$"):
        initial_training.request(session, uploads, None, {"dataset": "0" * 64})
    with pytest.raises(Invalid, match=r"^beta is not a setting of the SFT recipe\.$"):
        initial_training.request(session, uploads, None, config | {"beta": 1})
    for number in (9, 2**31):
        with pytest.raises(NotFound, match=rf"^There is no version {number}\.$"):
            initial_training.request(session, uploads, None, config | {"version": number})
    with pytest.raises(Conflict, match=r"^Version 1 was deleted: its files are gone\.$"):
        initial_training.request(session, uploads, None, config | {"version": 1})
    assert rows(session, TrainingRun) == []


def test_a_chat_model_is_not_trained_on_uploaded_pairs(session: Session, uploads: UploadStore) -> None:
    found = add(session, uploads)
    with write_transaction(session):
        session.get_one(Project, 1).task = ANSWERING
    with pytest.raises(Conflict, match="A chat model learns from clicks alone"):
        initial_training.request(session, uploads, None, {"dataset": found["sha256"]})
