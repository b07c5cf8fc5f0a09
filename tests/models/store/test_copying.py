"""Copying: every version under its number with the same hash, and every upload, into a store of the other kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.model_errors import VersionDamaged
from models.store.copying import copy_uploads, copy_versions
from models.store.remote.bucket import Bucket
from models.store.remote.object_store import ObjectStore
from models.store.store import CheckpointStore
from tests.models.store.test_store import publish


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointStore:
    store = CheckpointStore(tmp_path / "folder")
    publish(store, 1)
    publish(store, 3)
    return store


@pytest.fixture
def bucket(tmp_path: Path, address: str) -> ObjectStore:
    return ObjectStore(tmp_path / "cache", Bucket(address), 1024**3)


def test_versions_keep_their_numbers_and_hashes_there_and_back(
    folder: CheckpointStore, bucket: ObjectStore, tmp_path: Path
) -> None:
    back = CheckpointStore(tmp_path / "back")
    assert list(copy_versions(folder, bucket)) == [1, 3]
    assert list(copy_versions(bucket, back)) == [1, 3]
    for number in (1, 3):
        assert bucket.verify(number).sha256 == folder.manifest(number).sha256
        assert back.verify(number) == folder.manifest(number)


def test_what_was_interrupted_goes_on(folder: CheckpointStore, bucket: ObjectStore) -> None:
    assert next(copy_versions(folder, bucket)) == 1
    assert bucket.numbers() == [1]
    assert list(copy_versions(folder, bucket)) == [3]


def test_a_damaged_version_is_not_copied(folder: CheckpointStore, bucket: ObjectStore) -> None:
    (folder.folder(3) / "note").write_text("harmed")
    with pytest.raises(VersionDamaged):
        list(copy_versions(folder, bucket))
    assert bucket.numbers() == [1]


def test_uploads_are_copied_too(folder: CheckpointStore, bucket: ObjectStore) -> None:
    digest = folder.uploads.add(b"a\tb\n", "tsv")
    (folder.root / "uploads" / "notes.txt").write_text("by hand")
    damaged = folder.uploads.add(b"c\td\n", "csv")
    (folder.root / "uploads" / f"{damaged}.csv").write_text("harmed")
    said: list[str] = []
    assert copy_uploads(folder, bucket, said.append) == 1
    assert said == [f"The uploaded data {damaged}.csv is damaged: upload it again."]
    assert bucket.uploads.digests() == [digest]
    assert bucket.uploads.read(digest) == folder.uploads.read(digest)


def test_a_store_that_is_larger_than_the_cache_is_copied_version_by_version(
    folder: CheckpointStore, bucket: ObjectStore, address: str, tmp_path: Path
) -> None:
    list(copy_versions(folder, bucket))
    size = sum(path.stat().st_size for path in folder.folder(1).rglob("*") if path.is_file())
    source = ObjectStore(tmp_path / "copied", Bucket(address), size)
    assert list(copy_versions(source, CheckpointStore(tmp_path / "back"))) == [1, 3]
    assert not source.place(3).exists()
