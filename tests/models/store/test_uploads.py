"""Uploaded data: kept under its hash, whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from models.model_errors import UploadMissing
from models.store.uploads import UploadStore

BODY = b"source\ttarget\na\tb\n"
DIGEST = hashlib.sha256(b"tsv\n" + BODY).hexdigest()


@pytest.fixture
def uploads(tmp_path: Path) -> UploadStore:
    return UploadStore(tmp_path / "store")


def test_what_was_added_is_read_back_by_its_hash(uploads: UploadStore) -> None:
    assert uploads.add(BODY, "tsv") == DIGEST
    assert uploads.read(DIGEST) == (BODY, f"{DIGEST}.tsv")
    assert [path.name for path in uploads.folder.iterdir()] == [f"{DIGEST}.tsv"]


def test_the_same_content_twice_is_one_file_and_in_two_formats_two(uploads: UploadStore) -> None:
    assert uploads.add(BODY, "tsv") == uploads.add(BODY, "txt") == DIGEST
    assert len(list(uploads.folder.iterdir())) == 1
    other = uploads.add(BODY, "csv")
    assert uploads.read(DIGEST) == (BODY, f"{DIGEST}.tsv"), "a run that waits reads it as it was meant"
    assert uploads.read(other) == (BODY, f"{other}.csv")


@pytest.mark.parametrize("digest", ["0" * 64, "", "../../etc/passwd", "*" * 64, DIGEST.upper()])
def test_a_hash_that_is_not_there_is_refused(uploads: UploadStore, digest: str) -> None:
    uploads.add(BODY, "tsv")
    with pytest.raises(UploadMissing, match="There is no uploaded data"):
        uploads.read(digest)


def test_damaged_data_is_not_handed_out(uploads: UploadStore) -> None:
    uploads.add(BODY, "tsv")
    uploads.path(DIGEST).write_bytes(BODY + b"more\tdata\n")
    with pytest.raises(UploadMissing, match="is damaged: upload it again"):
        uploads.read(DIGEST)


def test_what_cannot_be_written_leaves_nothing(uploads: UploadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    uploads.folder.mkdir(parents=True)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        uploads.add(BODY, "tsv")
    assert list(uploads.folder.iterdir()) == []


def test_old_data_that_nobody_uses_is_removed(uploads: UploadStore) -> None:
    used, unused = uploads.add(BODY, "tsv"), uploads.add(BODY * 2, "tsv")
    for digest in (used, unused):
        os.utime(uploads.path(digest), (0, 0))
    new = uploads.add(BODY * 3, "tsv")
    uploads.remove_older(60, keep={used})
    assert {path.stem for path in uploads.folder.iterdir()} == {used, new}


def test_what_another_process_removes_meanwhile_is_no_error(
    uploads: UploadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = uploads.add(BODY, "tsv")
    path = uploads.path(digest)

    def listed(_: Path) -> list[Path]:
        path.unlink(missing_ok=True)
        return [path]

    monkeypatch.setattr(Path, "iterdir", listed)
    uploads.remove_older(0, keep=())


def test_a_store_without_uploads_has_nothing_to_remove(uploads: UploadStore) -> None:
    uploads.remove_older(0, keep=())
    assert not uploads.folder.exists()
