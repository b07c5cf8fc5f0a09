"""Each check of an outcome finds what it is there for, and nothing after a publication as it should be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.db import RunStatus, Version, now, write_transaction
from models.store.manifest import MANIFEST_NAME
from models.store.store import CheckpointStore
from tests import factories
from tests.chaos.large import outcome

MADE = f"000002-{'a' * 16}"


@pytest.fixture
def bucket(tmp_path: Path, published: CheckpointStore) -> Path:
    """The folder of an object store with both tiny versions, the second of which the run with the id 1 has made."""
    bucket = tmp_path / "bucket"
    (bucket / "versions").mkdir(parents=True)
    for number in published.numbers():
        manifest = json.loads((published.folder(number) / MANIFEST_NAME).read_text(encoding="utf-8"))
        upload = f"{number:06d}-{'a' * 16}"
        shutil.copytree(published.folder(number), bucket / "files" / upload)
        (bucket / "versions" / f"{number:06d}.json").write_text(json.dumps({**manifest, "upload": upload}))
    return bucket


@pytest.fixture
def run_id(session: Session) -> int:
    """A run that has published version 2, which serves."""
    run = factories.run(session, RunStatus.SUCCEEDED, produced_version=2, finished_at=now())
    factories.version(session, 2, run_id=run.id)
    factories.serving(session, 2)
    return run.id


def found(session: Session, bucket: Path, run_id: int) -> list[str]:
    expected = {**outcome.weights_of(bucket, 2)}
    return list(outcome.faults_of(session, bucket, run_id, {1}, expected))


def test_one_whole_version_of_the_run_has_no_fault(session: Session, bucket: Path, run_id: int) -> None:
    assert found(session, bucket, run_id) == []
    assert outcome.left_over(bucket) == 0


def test_other_weights_are_found(session: Session, bucket: Path, run_id: int) -> None:
    expected = {**outcome.weights_of(bucket, 2), "model/model.safetensors": "another"}
    told = list(outcome.faults_of(session, bucket, run_id, {1}, expected))
    assert told == ["The weights of version 2 are not those of the undisturbed run"]


def cut_a_file(bucket: Path) -> None:
    (bucket / "files" / MADE / "model" / "model.safetensors").write_bytes(b"half")


def lose_a_file(bucket: Path) -> None:
    (bucket / "files" / MADE / "model" / "config.json").unlink()


def lose_the_manifest(bucket: Path) -> None:
    (bucket / "versions" / "000001.json").unlink()


def publish_another(bucket: Path) -> None:
    shutil.copy(bucket / "versions" / "000002.json", bucket / "versions" / "000003.json")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut_a_file, "Of version 2 model/model.safetensors is not what its manifest says"),
        (lose_a_file, "Of version 2 there is no model/config.json"),
        (lose_the_manifest, "The store has the manifests [2], the database the rows [1, 2]"),
        (publish_another, "The store has the manifests [1, 2, 3], the database the rows [1, 2]"),
    ],
)
def test_half_a_version_and_one_too_many_are_found(
    session: Session, bucket: Path, run_id: int, damage: Callable[[Path], None], told: str
) -> None:
    damage(bucket)
    assert told in found(session, bucket, run_id)


def test_a_run_that_failed_and_a_second_version_are_found(session: Session, bucket: Path, run_id: int) -> None:
    factories.version(session, 3)
    assert "The run published [(2, 1), (3, None)] and says 2" in found(session, bucket, run_id)
    another = factories.run(session, RunStatus.FAILED, error="no", finished_at=now())
    assert "The run failed: no" in found(session, bucket, another.id)


def test_an_alias_that_names_what_is_not_there_is_found(session: Session, bucket: Path, run_id: int) -> None:
    (bucket / "versions" / "000002.json").rename(bucket / "versions" / "000009.json")
    expected = outcome.weights_of(bucket, 9)
    told = list(outcome.faults_of(session, bucket, run_id, {1}, expected))
    assert "The alias names version 2, which is not there" in told


def test_files_of_a_dead_publisher_are_counted(session: Session, bucket: Path, run_id: int) -> None:
    (bucket / "files" / f"000002-{'b' * 16}" / "model").mkdir(parents=True)
    assert outcome.left_over(bucket) == 0
    (bucket / "files" / f"000002-{'b' * 16}" / "model" / "config.json").write_text("{}")
    assert outcome.left_over(bucket) == 1


def test_a_deleted_version_needs_no_manifest(session: Session, bucket: Path, run_id: int) -> None:
    with write_transaction(session):
        session.get_one(Version, 1).deleted_at = now()
    lose_the_manifest(bucket)
    assert found(session, bucket, run_id) == []


def test_a_judgment_that_was_acknowledged_and_is_not_there_is_found(session: Session) -> None:
    person = factories.user(session)
    judgment = factories.judgment(session, factories.generation(session, person.id), client_key="a key")
    assert list(outcome.judgment_faults(session, {"a key": judgment.id})) == []
    (told,) = outcome.judgment_faults(session, {"a key": judgment.id, "another": 9})
    assert told == "Judgment another was acknowledged as 9 and is None"
