"""The checkpoint store: all of a version or nothing, and never a change."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from models.model_errors import StoreError, VersionDamaged, VersionExists, VersionMissing
from models.store.manifest import MANIFEST_NAME, Manifest
from models.store.store import CheckpointStore

WEIGHTS = b"0123456789" * 100


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "versions")


def manifest(number: int, run_key: str | None = None) -> Manifest:
    return Manifest(number, None, 7, "dpo", {}, "", {}, "2026-11-21T10:00:00+00:00", run_key=run_key)


def publish(store: CheckpointStore, number: int, run_key: str | None = None) -> Manifest:
    with store.stage() as staged:
        (staged / "model").mkdir()
        (staged / "model" / "weights").write_bytes(WEIGHTS)
        (staged / "note").write_text("hello")
        complete = store.seal(staged, manifest(number, run_key))
        store.publish(staged, number)
    return complete


def leftovers(store: CheckpointStore) -> list[str]:
    return [path.name for path in (store.root / ".staging").iterdir()]


def test_a_published_version_is_whole_and_verified(store: CheckpointStore) -> None:
    complete = publish(store, 2)
    assert store.numbers() == [2]
    assert store.folder(2) == store.root / "000002"
    assert (store.folder(2) / "model" / "weights").read_bytes() == WEIGHTS
    assert set(complete.files) == {"model/weights", "note"}
    assert store.verify(2) == store.manifest(2) == complete
    assert leftovers(store) == []


def test_others_may_read_a_version_and_not_what_is_being_built(store: CheckpointStore) -> None:
    publish(store, 1)
    assert store.folder(1).stat().st_mode & 0o777 == 0o755
    with store.stage() as staged:
        assert staged.stat().st_mode & 0o077 == 0
        assert store.numbers() == [1]


def test_what_is_staged_and_not_published_is_removed(store: CheckpointStore) -> None:
    def fail() -> None:
        with store.stage() as staged:
            (staged / "model").mkdir()
            (staged / "model" / "weights").write_bytes(WEIGHTS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert leftovers(store) == []
    assert store.numbers() == []


def test_a_number_is_taken_once_and_the_first_version_stays(store: CheckpointStore) -> None:
    first = publish(store, 1, run_key="a")
    with pytest.raises(VersionExists, match=r"^Version 1 is published already\.$"):
        publish(store, 1, run_key="b")
    assert store.verify(1) == first
    assert leftovers(store) == []


def test_of_two_publishers_of_one_number_exactly_one_wins(store: CheckpointStore) -> None:
    barrier = threading.Barrier(4)
    outcomes: list[str] = []

    def race(run_key: str) -> None:
        with store.stage() as staged:
            (staged / "note").write_text(run_key)
            store.seal(staged, manifest(1, run_key))
            barrier.wait()
            try:
                store.publish(staged, 1)
            except VersionExists:
                outcomes.append("too late")
            else:
                outcomes.append("published")

    threads = [threading.Thread(target=race, args=(run_key,)) for run_key in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["published", "too late", "too late", "too late"]
    winner = store.verify(1)
    assert (store.folder(1) / "note").read_text() == winner.run_key


def test_a_changed_file_is_found(store: CheckpointStore) -> None:
    publish(store, 1)
    weights = store.folder(1) / "model" / "weights"
    weights.write_bytes(WEIGHTS[:-1] + b"X")
    with pytest.raises(VersionDamaged, match=r"^Version 1 is damaged: model/weights differs from its manifest\.$"):
        store.verify(1)


def test_a_missing_file_is_found(store: CheckpointStore) -> None:
    publish(store, 1)
    (store.folder(1) / "note").unlink()
    with pytest.raises(VersionDamaged, match=r"^Version 1 is damaged: note is missing\.$"):
        store.verify(1)


def test_a_file_that_was_put_beside_is_found(store: CheckpointStore) -> None:
    publish(store, 1)
    (store.folder(1) / "model" / "extra").write_text("")
    with pytest.raises(VersionDamaged, match="model/extra"):
        store.verify(1)


def test_a_version_under_the_number_of_another_is_found(store: CheckpointStore) -> None:
    publish(store, 1)
    store.folder(1).rename(store.place(2))
    with pytest.raises(VersionDamaged, match=r"^The folder of version 2 holds version 1\.$"):
        store.verify(2)


def test_a_version_that_is_not_there_is_missing(store: CheckpointStore) -> None:
    with pytest.raises(VersionMissing, match=r"^Version 3 is not in the checkpoint store "):
        store.verify(3)
    assert store.numbers() == []


def test_the_version_of_a_run_is_found_by_its_key_and_not_by_its_id(store: CheckpointStore) -> None:
    assert store.find_run("a") is None
    publish(store, 1)
    second = publish(store, 2, run_key="a")
    publish(store, 3, run_key="b")
    assert store.find_run("a") == second
    assert store.find_run("c") is None


def test_the_next_number_is_above_all_that_is_known(store: CheckpointStore) -> None:
    assert store.next_number() == 1
    publish(store, 4)
    assert store.next_number() == 5
    assert store.next_number(at_least=9) == 9
    assert store.next_number(at_least=2) == 5


def test_what_is_no_version_is_passed_over(store: CheckpointStore) -> None:
    publish(store, 1)
    (store.root / "lost+found").mkdir()
    (store.root / "000009").write_text("a file")
    assert store.numbers() == [1]


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = CheckpointStore(tmp_path / "file")
    with pytest.raises(StoreError, match=r"cannot be written to: Not a directory\.$"), store.stage():
        pass


def test_the_manifest_lies_beside_the_files(store: CheckpointStore) -> None:
    complete = publish(store, 1)
    assert (store.folder(1) / MANIFEST_NAME).read_text() == complete.to_json()


def test_what_a_killed_process_staged_is_removed_and_what_a_living_one_stages_is_not(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from models.store.store import CheckpointStore\n"
        "with CheckpointStore(Path(sys.argv[1])).stage() as staged:\n"
        "    (staged / 'weights').write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list((tmp_path / ".staging").iterdir())) == 2
    with store.stage() as staged, store.stage() as other:
        assert {path for path in staged.parent.iterdir() if path.is_dir()} == {staged, other}
    assert list((tmp_path / ".staging").iterdir()) == []


def test_run_folders_of_other_runs_are_removed_and_stages_are_not(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    for name in ("3", "12", "sft-0a"):
        (store.run_folder(name) / "checkpoint-5").mkdir(parents=True)
    with store.stage() as staged:
        store.remove_run_folders("[0-9]*", keep="12")
        assert staged.is_dir()
    assert {path.name for path in store.run_folder("12").parent.iterdir()} == {"run-12", "run-sft-0a"}
    assert store.numbers() == []
