"""Archives are looked at before anything of them is unpacked."""

from __future__ import annotations

import io
import zipfile

import pytest

from models.formats.files.packed import archives
from models.formats.files.row_reader import RowReader
from models.model_errors import DataFileError


def archive_of(count: int, comment: bytes = b"", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of so many files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for number in range(count):
            archive.writestr(f"{number}.txt", b"a text\nanother\n")
        archive.comment = comment
    return file.getvalue()


def with_zip64_end(archive: bytes, directory_bytes: int) -> bytes:
    """The archive with an end for large ones, which says that its list of files has that length."""
    at = len(archive) - 22
    end = b"PK\x06\x06" + bytes(36) + directory_bytes.to_bytes(8, "little") + bytes(8)
    locator = b"PK\x06\x07" + bytes(4) + at.to_bytes(8, "little") + (1).to_bytes(4, "little")
    return archive[:at] + end + locator + archive[at:]


@pytest.mark.parametrize("comment", [b"", b"a comment"])
def test_a_list_of_too_many_files_is_not_read(monkeypatch: pytest.MonkeyPatch, comment: bytes) -> None:
    monkeypatch.setattr(archives, "LARGEST_DIRECTORY", 1000)
    read: list[object] = []
    monkeypatch.setattr(zipfile, "ZipFile", read.append)
    with pytest.raises(
        DataFileError, match=r"^The zip archive lists more files than fit into 1 MB: send the one with the data\.$"
    ):
        RowReader(archive_of_many(comment), "a.zip")
    assert not read


def archive_of_many(comment: bytes) -> bytes:
    """An archive whose list of files says that it is long."""
    whole = archive_of_one(comment)
    place = whole.rindex(b"PK\x05\x06")
    return whole[: place + 12] + (5000).to_bytes(4, "little") + whole[place + 16 :]


def archive_of_one(comment: bytes) -> bytes:
    """A small archive, made by hand, since ZipFile is not to be used."""
    end = b"PK\x05\x06" + bytes(16) + len(comment).to_bytes(2, "little") + comment
    return b"PK\x03\x04" + bytes(100) + end


def test_the_length_that_counts_is_the_one_that_large_archives_give(monkeypatch: pytest.MonkeyPatch) -> None:
    small = archive_of(1)
    assert [row.cells for row in RowReader(small, "a.zip", unpacked=1000).rows()] == ["a text", "another"]
    with pytest.raises(
        DataFileError, match=r"^The zip archive lists more files than fit into 1 MB: send the one with the data\.$"
    ):
        RowReader(with_zip64_end(small, 2**40), "a.zip")


def test_the_files_are_counted_by_what_their_list_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LARGEST_DIRECTORY", 2000)
    with pytest.raises(
        DataFileError, match=r"^The zip archive lists more files than fit into 1 MB: send the one with the data\.$"
    ):
        RowReader(archive_of(100), "a.zip")
    with pytest.raises(DataFileError, match="holds 20 files instead of one"):
        RowReader(archive_of(20), "a.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_zipfile_unpacks_without_a_bound_is_refused_where_there_is_one(method: int) -> None:
    archive = archive_of(1, method=method)
    with pytest.raises(
        DataFileError, match=r"^The zip archive is not packed with deflate, as is usual: send what is in it\.$"
    ):
        RowReader(archive, "a.zip", unpacked=1000)
    assert len(list(RowReader(archive, "a.zip").rows())) == 2
