"""Uploaded data in an object store: kept under its hash, whole or not at all."""

from __future__ import annotations

import os

import pytest

from models.model_errors import UploadMissing
from models.store.remote.bucket import Bucket
from models.store.remote.object_uploads import ObjectUploads
from models.store.uploads import dataset_hash
from tests.objects.server import ObjectServer

BODY = b"source\ttarget\na\tb\n"


@pytest.fixture
def uploads(address: str) -> ObjectUploads:
    return ObjectUploads(Bucket(address))


def test_what_was_added_is_read_back_by_its_hash_in_the_format_it_had(uploads: ObjectUploads) -> None:
    digest = uploads.add(BODY, "txt")
    other = uploads.add(BODY, "csv")
    assert digest == dataset_hash(BODY, "tsv")
    assert uploads.read(digest) == (BODY, f"{digest}.tsv")
    assert uploads.read(other) == (BODY, f"{other}.csv")
    assert uploads.digests() == sorted([digest, other])


def test_other_files_beside_them_are_no_uploads(
    uploads: ObjectUploads, object_server: ObjectServer, address: str
) -> None:
    digest = uploads.add(BODY, "tsv")
    (object_server.root / address.removeprefix("s3://") / "uploads" / "notes.txt").write_text("by hand")
    assert uploads.digests() == [digest]


@pytest.mark.parametrize("digest", ["0" * 64, "", "../versions/000001"])
def test_a_hash_that_is_not_there_is_refused(uploads: ObjectUploads, digest: str) -> None:
    with pytest.raises(UploadMissing, match="There is no uploaded data"):
        uploads.read(digest)


def test_damaged_data_is_refused(uploads: ObjectUploads, object_server: ObjectServer, address: str) -> None:
    digest = uploads.add(BODY, "tsv")
    (object_server.root / address.removeprefix("s3://") / "uploads" / f"{digest}.tsv").write_bytes(b"else")
    with pytest.raises(UploadMissing, match="is damaged: upload it again"):
        uploads.read(digest)


def test_old_uploads_are_removed_unless_a_run_needs_them(
    uploads: ObjectUploads, object_server: ObjectServer, address: str
) -> None:
    digests = [uploads.add(BODY + bytes([letter]), "tsv") for letter in b"abc"]
    folder = object_server.root / address.removeprefix("s3://") / "uploads"
    for digest in digests[:2]:
        os.utime(folder / f"{digest}.tsv", (0, 0))
    uploads.remove_older(3600, keep=[digests[0]])
    assert uploads.digests() == sorted([digests[0], digests[2]])
