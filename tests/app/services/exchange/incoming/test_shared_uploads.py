"""Files whose pieces come to several machines: each has its own cache, and the database that they share the pieces."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.db import ImportPiece, ImportUpload, now
from app.domain_errors import Conflict, NotFound, TooLarge
from app.services.exchange import uploads as exchange_uploads
from app.services.exchange.incoming.shared_uploads import SharedUploads
from tests.studio import rows

GONE = r"^There is no such upload any more: choose the file again\.$"


@pytest.fixture
def machines(either: Session, tmp_path: Path) -> tuple[SharedUploads, SharedUploads]:
    return SharedUploads(either, tmp_path / "one"), SharedUploads(either, tmp_path / "another")


def test_pieces_that_come_to_two_machines_are_one_file_on_both(
    either: Session, machines: tuple[SharedUploads, SharedUploads]
) -> None:
    one, another = machines
    upload_id = one.begin("../etc/pass wd.csv", b"text\n")
    assert another.append(upload_id, 5, b"one\n") == 9
    with pytest.raises(Conflict) as refusal:
        one.append(upload_id, 5, b"one\n")
    assert refusal.value.extra == {"bytes": 9}
    assert one.path(upload_id).read_bytes() == b"text\none\n"
    assert another.append(upload_id, 9, b"two\n") == 13
    for machine in machines:
        assert machine.path(upload_id).read_bytes() == b"text\none\ntwo\n"
        assert machine.name(upload_id) == "pass_wd.csv"
    for _ in range(2):
        another.remove(upload_id)
    assert (rows(either, ImportUpload), rows(either, ImportPiece)) == ([], [])
    assert list(another.folder.iterdir()) == []
    for strange in (upload_id, "../../x", "*", ""):
        with pytest.raises(NotFound, match=GONE):
            one.path(strange)


def test_a_piece_that_makes_the_file_too_large_is_refused_and_not_kept(
    machines: tuple[SharedUploads, SharedUploads], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_uploads, "LARGEST_FILE", 8)
    one, another = machines
    upload_id = one.begin("a.csv", b"12345678")
    with pytest.raises(TooLarge):
        another.append(upload_id, 8, b"9")
    assert another.path(upload_id).read_bytes() == b"12345678"


def test_a_file_that_began_empty_goes_on_at_its_beginning(machines: tuple[SharedUploads, SharedUploads]) -> None:
    one, another = machines
    upload_id = one.begin("", b"")
    assert another.append(upload_id, 0, b"x") == 1
    assert one.path(upload_id).read_bytes() == b"x"
    assert one.name(upload_id) == "file"


def test_a_file_is_kept_for_a_day_in_the_database_and_in_the_caches(
    either: Session, machines: tuple[SharedUploads, SharedUploads]
) -> None:
    one, another = machines
    old = one.begin("old.csv", b"x")
    another.path(old)
    either.get_one(ImportUpload, old).created_at = now() - timedelta(hours=25)
    either.commit()
    young = one.begin("young.csv", b"y")
    one.remove_old()
    with pytest.raises(NotFound, match=GONE):
        one.path(old)
    assert another.path(young).read_bytes() == b"y"
    another.remove_old()
    assert list(another.folder.iterdir()) == [another.path(young)]


def test_a_file_that_was_forgotten_on_one_machine_leaves_the_cache_of_another(
    machines: tuple[SharedUploads, SharedUploads],
) -> None:
    one, another = machines
    upload_id = one.begin("a.csv", b"x")
    another.path(upload_id)
    one.remove(upload_id)
    another.remove_old()
    assert list(another.folder.iterdir()) == []


def test_nobody_but_the_studio_can_read_a_cached_file(machines: tuple[SharedUploads, SharedUploads]) -> None:
    path = machines[0].path(machines[0].begin("a.csv", b"x"))
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
