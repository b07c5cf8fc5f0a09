"""Files on their way into the studio, piece by piece."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from app.domain_errors import Conflict, NotFound, NotReady, TooLarge
from app.services.exchange import uploads as exchange_uploads
from app.services.exchange.uploads import ImportUploads

GONE = r"^There is no such upload any more: choose the file again\.$"


def test_a_file_is_sent_in_pieces_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    uploads = ImportUploads(tmp_path / "imports")
    upload_id = uploads.begin("../etc/pass wd.csv", b"text\n")
    assert uploads.append(upload_id, 5, b"one\n") == 9
    with pytest.raises(Conflict) as refusal:
        uploads.append(upload_id, 5, b"one\n")
    assert refusal.value.extra == {"bytes": 9}
    assert str(refusal.value) == "The file has 9 bytes so far: go on from there."
    assert uploads.path(upload_id).read_bytes() == b"text\none\n"
    assert uploads.name(upload_id) == "pass_wd.csv"
    assert uploads.path(upload_id).parent == tmp_path / "imports"
    for _ in range(2):
        uploads.remove(upload_id)
    for strange in (upload_id, "../../x", "*"):
        with pytest.raises(NotFound, match=GONE):
            uploads.path(strange)


def test_a_piece_that_makes_the_file_too_large_is_refused_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_uploads, "LARGEST_FILE", 8)
    uploads = ImportUploads(tmp_path)
    upload_id = uploads.begin("a.csv", b"12345678")
    with pytest.raises(TooLarge):
        uploads.append(upload_id, 8, b"9")
    assert uploads.path(upload_id).read_bytes() == b"12345678"


def test_a_file_is_kept_for_a_day_and_gone_when_the_next_one_begins(tmp_path: Path) -> None:
    uploads = ImportUploads(tmp_path)
    old, young = (uploads.begin(name, b"x") for name in ("old.csv", "young.csv"))
    for upload_id, hours in ((old, 25), (young, 23)):
        moment = time.time() - hours * 3600
        os.utime(uploads.path(upload_id), (moment, moment))
    uploads.begin("new.csv", b"x")
    assert uploads.name(young) == "young.csv"
    with pytest.raises(NotFound, match=GONE):
        uploads.path(old)


def test_nobody_but_the_studio_can_read_a_file(tmp_path: Path) -> None:
    uploads = ImportUploads(tmp_path / "imports")
    path = uploads.path(uploads.begin("a.csv", b"x"))
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("a.csv", "a.csv"), ("C:\\data\\b c.tsv", "b_c.tsv"), ("", "file"), ("x" * 100 + ".csv", "x" * 76 + ".csv")],
)
def test_a_file_keeps_its_name_as_far_as_it_is_a_safe_one(tmp_path: Path, sent: str, kept: str) -> None:
    uploads = ImportUploads(tmp_path)
    assert uploads.name(uploads.begin(sent, b"")) == kept


def test_where_files_cannot_be_kept_the_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "imports").write_bytes(b"")
    with pytest.raises(NotReady, match=r"^The file cannot be kept on the server: File exists\.$"):
        ImportUploads(tmp_path / "imports").begin("a.csv", b"x")


def test_the_size_of_a_file_can_be_refused_before_any_of_it_is_read(tmp_path: Path) -> None:
    uploads = ImportUploads(tmp_path)
    uploads.check_size(2 * 1024**3)
    with pytest.raises(TooLarge, match=r"^The file has more than the 2 GB that are accepted\.$"):
        uploads.check_size(2 * 1024**3 + 1)
