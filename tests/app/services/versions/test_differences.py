"""Two versions side by side, on the texts that they rewrote most differently."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.db import Version, now
from app.services.versions import differences
from app.services.versions.differences import Differences, Piece
from models.store.manifest import Manifest
from models.store.remote.bucket import Bucket
from models.store.remote.object_store import ObjectStore
from models.store.rewrites import REWRITES_FILE, Rewrites
from models.store.store import CheckpointStore
from tests import factories

OLD = {"a": "you are wrong", "b": "please stop", "c": "this is bad"}
NEW = {"a": "you are not right", "b": "please stop", "c": "I do not like it"}


@pytest.fixture
def store(tmp_path: Path, session: Session) -> CheckpointStore:
    """A store and a database with versions 1 to 3, one trained from the other, which kept no rewrites."""
    found = CheckpointStore(tmp_path / "versions")
    for number in (1, 2, 3):
        factories.version(session, number)
        publish(found, number)
    return found


def publish(store: CheckpointStore, number: int) -> None:
    with store.stage() as staged:
        (staged / "weights").write_bytes(b"weights")
        store.seal(staged, Manifest(number, None, None, "dpo", {}, "", {}, "2026-11-30T10:00:00+00:00"))
        store.publish(staged, number)


def keep(store: CheckpointStore, number: int, ours: dict[str, str], parents: dict[str, str]) -> None:
    Rewrites(ours, parents).write(store.folder(number))


def between(session: Session, store: CheckpointStore, ours: int, theirs: int) -> Differences:
    return differences.between(session, store, session.get_one(Version, ours), session.get_one(Version, theirs))


def test_the_texts_that_differ_most_come_first_and_equal_ones_not_at_all(
    session: Session, store: CheckpointStore
) -> None:
    keep(store, 2, NEW, OLD)
    found = between(session, store, 2, 1)
    assert [pair.text for pair in found.pairs] == ["c", "a"]
    assert (found.different, found.texts, found.problem) == (2, 3, "")
    assert found.pairs[0].distance == 1


def test_words_that_the_other_version_did_not_write_are_told_apart(session: Session, store: CheckpointStore) -> None:
    keep(store, 2, NEW, OLD)
    pair = between(session, store, 2, 1).pairs[1]
    assert pair.ours == (Piece("you are", differs=False), Piece("not right", differs=True))
    assert pair.theirs == (Piece("you are", differs=False), Piece("wrong", differs=True))


def test_any_two_versions_can_be_compared_either_way(session: Session, store: CheckpointStore) -> None:
    keep(store, 2, OLD, {})
    keep(store, 3, NEW, OLD)
    there, back = between(session, store, 3, 2), between(session, store, 2, 3)
    assert [pair.ours for pair in there.pairs] == [pair.theirs for pair in back.pairs]


def test_at_most_fifty_are_shown_and_all_are_counted(session: Session, store: CheckpointStore) -> None:
    keep(store, 2, {str(text): f"new {text}" for text in range(60)}, {str(text): f"old {text}" for text in range(60)})
    found = between(session, store, 2, 1)
    assert (len(found.pairs), found.different, found.texts) == (50, 60, 60)


def test_only_texts_that_both_read_are_compared(session: Session, store: CheckpointStore) -> None:
    keep(store, 2, OLD, {})
    keep(store, 3, {"c": "fine", "d": "other"}, {})
    assert between(session, store, 3, 2).texts == 1
    keep(store, 3, {"d": "other"}, {})
    assert between(session, store, 3, 2).problem.startswith("They were measured on different texts")


def test_a_version_that_kept_nothing_says_so(session: Session, store: CheckpointStore) -> None:
    keep(store, 3, NEW, {})
    assert between(session, store, 3, 2).problem == (
        "No rewrites of version 2 are kept: an earlier release measured it, or nothing has yet. "
        "The next training that starts from it keeps them."
    )
    assert "version 1" in between(session, store, 1, 3).problem


def test_of_a_deleted_version_those_count_that_a_child_kept(session: Session, store: CheckpointStore) -> None:
    keep(store, 3, NEW, OLD)
    session.get_one(Version, 2).deleted_at = now()
    session.commit()
    store.remove(2)
    assert between(session, store, 3, 2).different == 2
    session.get_one(Version, 3).deleted_at = now()
    session.commit()
    assert between(session, store, 1, 2).problem != ""
    assert between(session, store, 2, 1).problem == "Version 2 was deleted, and its rewrites with it."


def test_a_damaged_file_is_named(session: Session, store: CheckpointStore) -> None:
    keep(store, 2, NEW, OLD)
    (store.folder(2) / REWRITES_FILE).write_text("{")
    assert REWRITES_FILE in between(session, store, 2, 1).problem


def test_of_versions_in_an_object_store_nothing_but_the_rewrites_is_fetched(
    session: Session, store: CheckpointStore, address: str, tmp_path: Path
) -> None:
    keep(store, 2, OLD, {})
    keep(store, 3, NEW, OLD)
    remote, elsewhere = (ObjectStore(tmp_path / name, Bucket(address), room=1024**3) for name in ("here", "there"))
    for number in (2, 3):
        with remote.stage() as staged:
            shutil.copytree(store.folder(number), staged, dirs_exist_ok=True)
            remote.seal(staged, store.manifest(number))
            remote.publish(staged, number)
    assert between(session, elsewhere, 3, 2) == between(session, store, 3, 2)
    assert not (tmp_path / "there").exists()
