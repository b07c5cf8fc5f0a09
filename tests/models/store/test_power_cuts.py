"""Whenever the power fails, a version or an upload is whole or not there, and what was acknowledged stays."""

from __future__ import annotations

import hashlib
from pathlib import Path

from models.model_errors import UploadMissing
from models.store.manifest import Manifest
from models.store.store import CheckpointStore
from models.store.uploads import UploadStore
from tests.models.store.power_cuts import PowerCuts

WEIGHTS = b"0123456789" * 10


def fill(staged: Path) -> None:
    (staged / "model").mkdir()
    (staged / "model" / "weights").write_bytes(WEIGHTS)
    (staged / "serving").mkdir()
    (staged / "serving" / "model.bin").write_bytes(WEIGHTS[::-1])
    (staged / "note").write_text("hello")


def publish(store: CheckpointStore, number: int) -> None:
    with store.stage() as staged:
        fill(staged)
        store.seal(staged, Manifest(number, None, 7, "dpo", {}, "", {}, "2026-11-21T10:00:00+00:00"))
        store.publish(staged, number)


def test_a_version_is_whole_or_not_there_and_stays_once_it_is_published(tmp_path: Path) -> None:
    acknowledged: list[int] = []

    def survives(state: Path) -> None:
        store = CheckpointStore(state / "home" / "versions")
        found = store.numbers()
        for number in found:
            store.verify(number)
            assert store.folder(number).stat().st_mode & 0o777 == 0o755
        assert set(acknowledged) <= set(found)

    cuts = PowerCuts(tmp_path, survives)
    with cuts.watched():
        store = CheckpointStore(tmp_path / "home" / "versions")
        publish(store, 1)
        acknowledged.append(1)
        cuts.look()


def test_a_version_is_removed_as_a_whole_and_for_good(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "versions")
    for number in (1, 2):
        publish(store, number)
    removed: list[int] = []

    def survives(state: Path) -> None:
        there = CheckpointStore(state / "versions")
        for number in there.numbers():
            there.verify(number)
        assert set(there.numbers()) in ({1, 2} - set(removed), {1})

    cuts = PowerCuts(tmp_path, survives)
    with cuts.watched():
        store.remove(2)
        removed.append(2)
        cuts.look()


def test_an_upload_is_whole_or_not_there_and_stays_once_it_is_stored(tmp_path: Path) -> None:
    stored: list[str] = []
    body = b"toxic\tneutral1\nyou fool\tyou friend\n"
    digest = hashlib.sha256(b"tsv\n" + body).hexdigest()

    def survives(state: Path) -> None:
        there = UploadStore(state / "home" / "versions")
        try:
            there.path(digest)
        except UploadMissing:
            assert stored == []
        else:
            assert there.read(digest)[0] == body

    cuts = PowerCuts(tmp_path, survives)
    with cuts.watched():
        assert UploadStore(tmp_path / "home" / "versions").add(body, "tsv") == digest
        stored.append(digest)
        cuts.look()


def test_the_disk_of_these_tests_loses_what_was_not_flushed(tmp_path: Path) -> None:
    """A file that is renamed without a flush can be there and empty, or not there at all."""
    seen: set[bytes | None] = set()

    def survives(state: Path) -> None:
        path = state / "file"
        seen.add(path.read_bytes() if path.exists() else None)

    with PowerCuts(tmp_path, survives).watched():
        (tmp_path / "draft").write_bytes(b"content")
        (tmp_path / "draft").rename(tmp_path / "file")
    assert seen == {None, b""}
