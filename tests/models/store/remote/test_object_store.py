"""The checkpoint store in an object store: all of a version or nothing, fetched whole, and never a change."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from models.model_errors import StoreAway, StoreError, VersionDamaged, VersionExists, VersionMissing
from models.store.manifest import MANIFEST_NAME, Manifest
from models.store.remote import bucket
from models.store.remote.bucket import Bucket
from models.store.remote.object_store import ObjectStore
from models.store.store import CheckpointStore
from tests.objects.proxy import Fault, Proxy
from tests.objects.server import ObjectServer
from tests.processes import free_port

WEIGHTS = b"0123456789" * 1000
ROOM = 1024**3


def opened(root: Path, address: str, room: int = ROOM) -> ObjectStore:
    """The store as another machine or process has it, with a cache in `root`."""
    return ObjectStore(root, Bucket(address), room)


@pytest.fixture
def store(tmp_path: Path, address: str) -> ObjectStore:
    return opened(tmp_path / "here", address)


@pytest.fixture
def elsewhere(tmp_path: Path, address: str) -> ObjectStore:
    return opened(tmp_path / "elsewhere", address)


def manifest(number: int, run_key: str | None = None) -> Manifest:
    return Manifest(number, None, 7, "dpo", {}, "", {}, "2026-11-30T10:00:00+00:00", run_key=run_key)


def publish(store: CheckpointStore, number: int, run_key: str | None = None, weights: bytes = WEIGHTS) -> Manifest:
    with store.stage() as staged:
        (staged / "model").mkdir()
        (staged / "model" / "weights").write_bytes(weights)
        (staged / "note").write_text("hello")
        complete = store.seal(staged, manifest(number, run_key))
        store.publish(staged, number)
    return complete


def objects(server: ObjectServer, address: str) -> list[str]:
    """The names of all objects below an address, without the random part of the names of files."""
    root = server.root / address.removeprefix("s3://")
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted("/".join(part.partition("-")[0] for part in name.split("/")) for name in names)


def test_a_published_version_is_fetched_whole_and_verified_on_another_machine(
    store: ObjectStore, elsewhere: ObjectStore, object_server: ObjectServer, address: str
) -> None:
    complete = publish(store, 2)
    assert elsewhere.numbers() == [2]
    assert elsewhere.has(2)
    assert (elsewhere.folder(2) / "model" / "weights").read_bytes() == WEIGHTS
    assert elsewhere.verify(2) == elsewhere.manifest(2) == store.manifest(2) == complete
    assert set(complete.files) == {"model/weights", "note"}
    assert elsewhere.location(2) == f"{address}/versions/000002.json"
    assert objects(object_server, address) == [
        "files/000002/model/weights",
        "files/000002/note",
        "versions/000002.json",
    ]


def test_a_version_has_the_same_hash_in_a_folder_and_in_an_object_store(store: ObjectStore, tmp_path: Path) -> None:
    assert publish(store, 1).sha256 == publish(CheckpointStore(tmp_path / "folder"), 1).sha256


def test_who_publishes_a_version_has_it_without_fetching(
    tmp_path: Path, object_server: ObjectServer, address: str, reach: Callable[[int], None]
) -> None:
    with Proxy(object_server.port, lambda _line: Fault.NONE) as proxy:
        reach(proxy.port)
        store = opened(tmp_path / "here", address)
        publish(store, 1)
        store.verify(1)
        fetched = [line for line in proxy.lines if line.startswith("GET") and "/files/0" in line]
    assert fetched == []


def test_a_number_is_taken_once_and_nothing_of_the_loser_stays(
    store: ObjectStore, elsewhere: ObjectStore, object_server: ObjectServer, address: str
) -> None:
    first = publish(store, 1, run_key="a")
    with pytest.raises(VersionExists, match=r"^Version 1 is published already\.$"):
        publish(elsewhere, 1, run_key="b", weights=b"others")
    assert elsewhere.verify(1) == first
    assert len(objects(object_server, address)) == 3


def test_what_is_sealed_again_under_the_next_number_is_stored_once(
    store: ObjectStore, object_server: ObjectServer, address: str
) -> None:
    with store.stage() as staged:
        (staged / "note").write_text("hello")
        store.seal(staged, manifest(1))
        store.seal(staged, manifest(2))
        store.publish(staged, 2)
    assert objects(object_server, address) == ["files/000002/note", "versions/000002.json"]


def test_what_is_uploaded_and_not_published_is_removed(
    store: ObjectStore, object_server: ObjectServer, address: str
) -> None:
    with store.stage() as staged:
        (staged / "note").write_text("hello")
        store.seal(staged, manifest(1))
        assert objects(object_server, address) == ["files/000001/note"]
        assert store.numbers() == []
    assert objects(object_server, address) == []


def test_a_version_that_is_not_there_is_missing(store: ObjectStore) -> None:
    for ask in (store.folder, store.manifest, store.remove, store.verify):
        with pytest.raises(VersionMissing, match=r"^Version 3 is not in the checkpoint store s3://"):
            ask(3)
    assert not store.has(3)
    assert store.numbers() == []


def test_a_removed_version_is_gone_for_everybody_with_its_files(
    store: ObjectStore, elsewhere: ObjectStore, object_server: ObjectServer, address: str
) -> None:
    publish(store, 1)
    publish(store, 2)
    elsewhere.folder(1)
    store.remove(1)
    assert elsewhere.numbers() == [2]
    with pytest.raises(VersionMissing):
        elsewhere.folder(1)
    assert not any("000001" in name for name in objects(object_server, address))
    assert not store.place(1).exists()
    opened(elsewhere.root, address).tidy()
    assert elsewhere.place(1).exists(), "a process uses it"


def test_a_cached_version_that_was_removed_leaves_the_disk_of_other_machines(
    store: ObjectStore, tmp_path: Path, address: str
) -> None:
    publish(store, 1)
    shutil.copytree(store.folder(1), tmp_path / "elsewhere" / "000001")
    store.remove(1)
    opened(tmp_path / "elsewhere", address).tidy()
    assert not (tmp_path / "elsewhere" / "000001").exists()


def test_a_number_that_another_version_had_is_fetched_anew(store: ObjectStore, tmp_path: Path, address: str) -> None:
    publish(store, 1)
    shutil.copytree(store.folder(1), tmp_path / "elsewhere" / "000001")
    store.remove(1)
    publish(store, 1, weights=b"later")
    assert (opened(tmp_path / "elsewhere", address).folder(1) / "model" / "weights").read_bytes() == b"later"


def test_the_run_of_a_version_is_found_by_its_key(store: ObjectStore, elsewhere: ObjectStore) -> None:
    publish(store, 1, run_key="a")
    found = publish(store, 2, run_key="b")
    publish(store, 3)
    assert elsewhere.find_run("b") == found
    assert elsewhere.find_run("c") is None
    assert elsewhere.next_number() == 4


def test_a_small_file_is_read_without_fetching_the_version(store: ObjectStore, elsewhere: ObjectStore) -> None:
    complete = publish(store, 1)
    assert elsewhere.read(complete, "note") == store.read(complete, "note") == b"hello"
    assert elsewhere.read(complete, "head") is None
    assert not elsewhere.place(1).exists()


def test_a_file_that_this_disk_has_damaged_is_fetched_anew(store: ObjectStore, elsewhere: ObjectStore) -> None:
    complete = publish(store, 1)
    (elsewhere.folder(1) / "note").write_text("harmed")
    assert elsewhere.verify(1) == complete
    assert (elsewhere.folder(1) / "note").read_text() == "hello"


@pytest.mark.parametrize("harm", ["differs from its manifest", "is missing"])
def test_a_file_that_the_store_has_damaged_is_never_used(
    store: ObjectStore, elsewhere: ObjectStore, object_server: ObjectServer, address: str, harm: str
) -> None:
    publish(store, 1)
    bucket = object_server.root / address.removeprefix("s3://").partition("/")[0]
    (note,) = bucket.rglob("note")
    if harm == "is missing":
        note.unlink()
    else:
        note.write_text("hullo")
    with pytest.raises(VersionDamaged, match=rf"^Version 1 is damaged: note {harm}\.$"):
        elsewhere.folder(1)
    assert not elsewhere.place(1).exists()


def test_a_manifest_that_cannot_be_read_is_damage_and_stops_nothing_else(
    store: ObjectStore, object_server: ObjectServer, address: str
) -> None:
    publish(store, 1, run_key="a")
    publish(store, 2)
    bucket = object_server.root / address.removeprefix("s3://")
    (bucket / "versions" / "000002.json").write_text("{")
    with pytest.raises(VersionDamaged, match=r"versions/000002\.json cannot be read as a manifest"):
        store.manifest(2)
    found = store.find_run("a")
    assert found is not None
    assert found.number == 1
    store.remove(2)
    assert store.numbers() == [1]


def test_uploaded_files_that_a_dead_publisher_left_are_removed_after_a_day(
    store: ObjectStore, tmp_path: Path, object_server: ObjectServer, address: str
) -> None:
    publish(store, 1)
    files = object_server.root / address.removeprefix("s3://") / "files"
    for name in ("000001-0123456789abcdef", "000009-0123456789abcdef"):
        (files / name).mkdir()
        (files / name / "note").write_text("left")
    opened(tmp_path / "later", address).tidy()
    assert len(objects(object_server, address)) == 5, "somebody may still publish them"
    for note in files.rglob("*"):
        if note.is_file():
            os.utime(note, (0, 0))
    opened(tmp_path / "later", address).tidy()
    assert len(objects(object_server, address)) == 3
    assert store.verify(1).number == 1


def test_while_the_store_is_away_what_is_cached_serves_and_the_rest_is_one_sentence(
    store: ObjectStore, tmp_path: Path, address: str, reach: Callable[[int], None]
) -> None:
    complete = publish(store, 1)
    port = free_port()
    reach(port)
    cut_off = opened(store.root, address)
    assert cut_off.verify(1) == complete
    assert cut_off.read(complete, "note") == b"hello"
    sentence = rf"^The store {address} does not answer: HTTP error: error sending request\.$"
    for ask in (cut_off.numbers, lambda: cut_off.folder(2)):
        with pytest.raises(StoreAway, match=sentence):
            ask()
    assert cut_off.trouble is not None


def test_a_bucket_that_does_not_exist_is_one_sentence(tmp_path: Path, address: str) -> None:
    store = opened(tmp_path, "s3://mellow-nowhere/x")
    for ask in (store.numbers, lambda: store.manifest(1), lambda: publish(store, 1)):
        with pytest.raises(
            StoreAway, match=r"^The store s3://mellow-nowhere/x does not answer: .*bucket does not exist"
        ):
            ask()


def test_a_process_that_was_forked_is_told_so_instead_of_waiting_for_ever(store: ObjectStore, address: str) -> None:
    store.numbers()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            opened(store.root, address).numbers()
        except StoreError as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    said = os.read(reading, 1000).decode()
    os.close(reading)
    os.close(writing)
    assert said == f"The store {address} was used before this process was forked; it would hang."


def test_a_publisher_whose_answer_is_lost_has_published_all_the_same(
    tmp_path: Path, object_server: ObjectServer, address: str, reach: Callable[[int], None]
) -> None:
    lost: list[str] = []

    def fault(line: str) -> Fault:
        if line.startswith("PUT") and "/versions/" in line and len(lost) < 2:
            lost.append(line)
            return Fault.UNANSWERED
        return Fault.NONE

    with Proxy(object_server.port, fault) as proxy:
        reach(proxy.port)
        store = opened(tmp_path / "here", address)
        complete = publish(store, 1)
        assert lost
        assert store.verify(1) == complete


def test_a_publisher_does_not_wait_long_for_a_store_that_takes_requests_and_never_answers(
    store: ObjectStore, reach: Callable[[int], None], tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "_CREATE_SECONDS", 0.2)
    with store.stage() as staged, socket.create_server(("127.0.0.1", 0)) as silent:
        (staged / "note").write_text("hello")
        store.seal(staged, manifest(1))
        reach(silent.getsockname()[1])
        begun = time.monotonic()
        with pytest.raises(StoreAway, match=r"does not answer: no answer within 0\.2 seconds\.$"):
            opened(tmp_path / "other", address).publish(staged, 1)
        assert time.monotonic() < begun + 2


def test_after_a_doubtful_end_trying_again_finds_out(
    tmp_path: Path, object_server: ObjectServer, address: str, reach: Callable[[int], None]
) -> None:
    away = True

    def fault(line: str) -> Fault:
        return Fault.UNANSWERED if away and "/versions/0" in line else Fault.NONE

    with Proxy(object_server.port, fault) as proxy:
        reach(proxy.port)
        store = opened(tmp_path / "here", address)
        with store.stage() as staged:
            (staged / "note").write_text("hello")
            complete = store.seal(staged, manifest(1))
            with pytest.raises(StoreAway):
                store.publish(staged, 1)
            away = False
            store.publish(staged, 1)
        assert store.verify(1) == complete


def test_publishing_what_is_published_once_more_does_no_harm(store: ObjectStore) -> None:
    with store.stage() as staged:
        (staged / "note").write_text("hello")
        complete = store.seal(staged, manifest(1))
        for _ in range(2):
            store.publish(staged, 1)
    assert store.verify(1) == complete


def test_what_is_published_while_the_cache_is_tidied_stays_in_it(
    store: ObjectStore, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = store.numbers()

    def numbers() -> list[int]:
        publish(opened(store.root, address), 1)
        return listed

    monkeypatch.setattr(store, "numbers", numbers)
    store.tidy()
    assert store.place(1).is_dir()


def test_a_version_whose_publisher_gave_up_in_doubt_is_whole(
    tmp_path: Path, object_server: ObjectServer, address: str, reach: Callable[[int], None], elsewhere: ObjectStore
) -> None:
    with Proxy(object_server.port, lambda line: Fault.UNANSWERED if "/versions/0" in line else Fault.NONE) as proxy:
        reach(proxy.port)
        with pytest.raises(StoreAway):
            publish(opened(tmp_path / "here", address), 1)
    reach(object_server.port)
    assert opened(tmp_path / "later", address).verify(1).number == 1
    assert (opened(tmp_path / "later", address).folder(1) / MANIFEST_NAME).is_file()
