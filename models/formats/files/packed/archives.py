"""Zip archives and workbooks, looked at before anything of them is unpacked."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from typing import BinaryIO

from models.formats.files.packed.unpacked import check_unpacked
from models.model_errors import DataFileError

LARGEST_DIRECTORY = 1024 * 1024
"""Bytes of the list of files in an archive, which is read as a whole: those of ten thousand files."""
_END = b"PK\x05\x06"
_LOCATOR = b"PK\x06\x07"
_END_64 = b"PK\x06\x06"
_END_BYTES, _LOCATOR_BYTES, _END_64_BYTES, _LONGEST_COMMENT = 22, 20, 56, 65_535
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def opened_archive(body: BinaryIO) -> zipfile.ZipFile:
    """Open an archive; raises DataFileError if it holds too many files, BadZipFile if it is none."""
    if _directory_bytes(body) > LARGEST_DIRECTORY:
        raise DataFileError("The zip archive lists more files than fit into 1 MB: send the one with the data.")
    return zipfile.ZipFile(body)


def check_entries(entries: Iterable[zipfile.ZipInfo], most: int | None) -> None:
    """Raise DataFileError if entries together unpack to more than `most`, unless that is None.

    What the archive says of them is true: no more than that is read of any. But the methods that usual archives do
    not use unpack without a bound.
    """
    if most is None:
        return
    found = list(entries)
    if any(entry.compress_type not in _METHODS for entry in found):
        raise DataFileError("The zip archive is not packed with deflate, as is usual: send what is in it.")
    check_unpacked(sum(entry.file_size for entry in found), sum(entry.compress_size for entry in found), most)


def _directory_bytes(body: BinaryIO) -> int:
    """Return the length of the list of files, 0 if there is none; looks for it where zipfile does."""
    size = body.seek(0, io.SEEK_END)
    body.seek(max(0, size - _END_BYTES - _LONGEST_COMMENT - _LOCATOR_BYTES - _END_64_BYTES))
    tail = body.read()
    last = tail[-_END_BYTES:]
    place = len(tail) - _END_BYTES if last.startswith(_END) and last.endswith(b"\0\0") else tail.rfind(_END)
    if place < 0:
        return 0
    found = int.from_bytes(tail[place + 12 : place + 16], "little")
    locator = place - _LOCATOR_BYTES
    end_64 = locator - _END_64_BYTES
    if end_64 >= 0 and tail.startswith(_LOCATOR, locator) and tail.startswith(_END_64, end_64):
        found = int.from_bytes(tail[end_64 + 40 : end_64 + 48], "little")
    return found
