"""A version as a tar archive that is written while it is read."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from models.model_errors import VersionDamaged, VersionMissing
from models.store.archive import Archive
from models.store.manifest import Manifest, hash_file
from models.store.store import CheckpointStore

FILES = {"model/model.safetensors": b"0123456789" * 1000, "model/tokenizer.json": b"{}", "adapter/empty": b""}


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    store = CheckpointStore(tmp_path / "versions")
    with store.stage() as staged:
        for name, content in (FILES | {"serving/model.bin": b"x" * 5000, "evaluation.json": b"[]"}).items():
            (staged / name).parent.mkdir(exist_ok=True)
            (staged / name).write_bytes(content)
        store.seal(staged, Manifest(3, None, None, "dpo", {}, "", {}, "2026-11-21T10:00:00+00:00"))
        store.publish(staged, 3)
    return store


def test_the_archive_holds_the_checkpoint_and_its_manifest(store: CheckpointStore, tmp_path: Path) -> None:
    with Archive(store, 3) as archive:
        content = b"".join(archive)
        assert len(content) == archive.size
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert tar.getnames() == [
            f"mellow-version-3/{name}"
            for name in ("manifest.json", "adapter/empty", "model/model.safetensors", "model/tokenizer.json")
        ]
        tar.extractall(tmp_path / "out", filter="data")
    folder = tmp_path / "out" / "mellow-version-3"
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, content in FILES.items():
        assert (folder / name).read_bytes() == content
        assert hash_file(folder / name) == manifest["files"][name]


def test_a_version_that_is_deleted_meanwhile_arrives_whole(store: CheckpointStore) -> None:
    with Archive(store, 3) as archive:
        pieces = iter(archive)
        first = next(pieces)
        store.remove(3)
        content = first + b"".join(pieces)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        file = tar.extractfile("mellow-version-3/model/model.safetensors")
        assert file is not None
        assert file.read() == FILES["model/model.safetensors"]


def test_a_missing_file_is_told_before_anything_is_sent(store: CheckpointStore) -> None:
    (store.folder(3) / "model" / "tokenizer.json").unlink()
    with pytest.raises(VersionDamaged, match=r"model/tokenizer\.json is missing"):
        Archive(store, 3)
    with pytest.raises(VersionMissing):
        Archive(store, 4)


def test_a_removed_version_is_gone_at_once_and_leaves_nothing(store: CheckpointStore) -> None:
    store.remove(3)
    assert store.numbers() == []
    assert list((store.root / ".staging").iterdir()) == []
    with pytest.raises(VersionMissing):
        store.remove(3)
