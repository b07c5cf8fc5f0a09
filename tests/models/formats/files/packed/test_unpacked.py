"""Packed files are unpacked no further than a bound."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import zipfile
from collections.abc import Callable
from typing import BinaryIO, cast

import pytest

from models.formats.files.packed import unpacked
from models.formats.files.packed.unpacked import Unpacked
from models.formats.files.row_reader import RowReader
from models.model_errors import DataFileError

MB = 1024 * 1024
NOTHING = bytes(8 * MB)
ROWS = b"".join(
    b'{"text": "%s"}\n' % hashlib.sha256(b"%d" % number).hexdigest()[:32].encode() for number in range(30_000)
)


class Counted(io.RawIOBase):
    """A reader that counts the bytes which were unpacked."""

    def __init__(self, inner: BinaryIO) -> None:
        self.inner = inner
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        piece = self.inner.read(size)
        self.count += len(piece)
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self.inner.seek(offset, whence)


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.jsonl", content)
    return file.getvalue()


def twice(content: bytes) -> bytes:
    return gzip.compress(gzip.compress(content))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a MB be unpacked of anything, so that the tests need not make large files."""
    monkeypatch.setattr(unpacked, "FREE", MB)


def bounded(packed: bytes, most: int | None) -> tuple[Counted, BinaryIO]:
    raw = io.BytesIO(packed)
    counted = Counted(cast(BinaryIO, gzip.GzipFile(fileobj=raw)))
    return counted, io.BufferedReader(Unpacked(cast(BinaryIO, counted), raw, most))


@pytest.mark.parametrize(
    ("most", "sentence"),
    [
        (2 * MB, "The file unpacks to more than 250 times its size: unpack it before it is sent."),
        (MB // 2, "The file unpacks to more than 0 MB: unpack it and send it in parts."),
    ],
)
@pytest.mark.parametrize("go_on", [lambda file: file.read(), lambda file: file.seek(0, io.SEEK_END)])
def test_no_more_is_unpacked_than_the_bound_and_the_piece_that_passes_it(
    most: int, sentence: str, go_on: Callable[[BinaryIO], object]
) -> None:
    counted, file = bounded(gzip.compress(NOTHING), most)
    with pytest.raises(DataFileError, match=sentence):
        go_on(file)
    assert counted.count <= min(most, MB) + MB


def test_what_somebody_unpacks_on_their_own_machine_is_not_bounded() -> None:
    _, file = bounded(gzip.compress(NOTHING), None)
    assert len(file.read()) == len(NOTHING)


def test_a_reader_can_go_to_the_end_and_back() -> None:
    _, file = bounded(gzip.compress(ROWS), 8 * MB)
    assert file.seek(0, io.SEEK_END) == len(ROWS)
    assert file.seek(-10, io.SEEK_CUR) == len(ROWS) - 10
    assert file.read() == ROWS[-10:]
    assert file.seek(5) == 5
    assert file.read(7) == ROWS[5:12]
    assert file.tell() == 12
    assert file.seek(len(ROWS) + 5) == len(ROWS)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zipped, twice])
def test_a_file_of_nothing_is_refused_whatever_it_is_packed_in(pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(DataFileError, match=r"The file unpacks to more than 250 times its size"):
        list(RowReader(pack(NOTHING), "rows.jsonl", unpacked=16 * MB).rows())


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zipped, twice])
def test_a_file_of_texts_is_read_up_to_the_bound(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(ROWS)
    assert sum(1 for _ in RowReader(packed, "rows.jsonl", unpacked=2 * MB).rows()) == 30_000
    with pytest.raises(DataFileError, match="The file unpacks to more than 1 MB: unpack it and send it in parts"):
        list(RowReader(packed, "rows.jsonl", unpacked=MB).rows())


def test_a_gigabyte_is_called_so() -> None:
    with pytest.raises(DataFileError, match="more than 1 GB"):
        unpacked.check_unpacked(1024**3 + 1, 1024**3, 1024**3)
