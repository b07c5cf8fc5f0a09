"""A file as it lies there, without what it is packed in, and its text in whatever Unicode it was written.

What a file is, is told by its content and never by its name.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO, cast

from models.formats.files.packed.archives import check_entries, opened_archive
from models.formats.files.packed.unpacked import Unpacked
from models.model_errors import DataFileError

LOOKED_AT = 4096
_MOST_LAYERS = 3
_BUFFER = 1 << 16
_WORKBOOK = "xl/workbook.xml"
_PACKED: Mapping[bytes, tuple[str, Callable[[BinaryIO], object]]] = {
    b"\x1f\x8b": ("gzip", lambda body: gzip.GzipFile(fileobj=body)),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMAFile),
}
_FOREIGN: Mapping[bytes, str] = {
    b"%PDF-": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook or Word document",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard",
    b"\x04\x22\x4d\x18": "compressed with LZ4",
    b"SQLite format 3": "an SQLite database",
    b"ARROW1": "an Arrow (Feather) file",
    b"FEA1": "an Arrow (Feather) file",
    b"Obj\x01": "an Avro file",
    b"ORC": "an ORC file",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"\x80\x02": "a Python pickle",
    b"\x80\x03": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
    b"\x89PNG": "a picture",
    b"GIF8": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"{\\rtf": "a rich text (RTF) document",
    b"<!DOCTYPE": "a web page or XML",
    b"<!doctype": "a web page or XML",
    b"<html": "a web page or XML",
    b"<?xml": "a web page or XML",
}
_IN_ZIP: Mapping[str, str] = {
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a PowerPoint presentation",
    "xl/workbook.bin": "a binary Excel workbook (XLSB)",
    "content.xml": "an OpenDocument file",
}
_DESCRIBES = re.compile(
    r"(^|/)(readme|licen[cs]e|notice|citation)(\.[^./]*)?$|(^|/)(\.|(dataset_infos|manifest)\.json$)", re.IGNORECASE
)
"""Names of files that stand beside data, and of hidden ones."""
_ASCII_SEPARATORS = b'\n\r\t ,;"'


class Opened(NamedTuple):
    """A file itself, what is in it, unpacked, and the name that this has in an archive, empty if it is in none."""

    raw: BinaryIO
    plain: BinaryIO
    name: str


@contextmanager
def opened(content: Path | bytes, most: int | None = None) -> Iterator[Opened]:
    """Open a file, or bytes, of which no more than `most` bytes are unpacked. OSError if it cannot be read.

    Raises DataFileError, also while it is read, if it unpacks to more, is packed but not whole, or is no data at all.
    Without `most`, what somebody unpacks on their own machine is not bounded.
    """
    packed = inside = ""
    with ExitStack() as stack:
        raw: BinaryIO = io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")
        plain = stack.enter_context(raw)
        try:
            for _ in range(_MOST_LAYERS):
                begins = _peek(plain)
                _check_known(begins)
                way, inner, name = _unpacked(plain, begins, most)
                if inner is None:
                    break
                packed, inside = way, name
                plain = stack.enter_context(io.BufferedReader(Unpacked(inner, raw, most), _BUFFER))
            yield Opened(raw, plain, inside)
        except (EOFError, zlib.error, zipfile.BadZipFile, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise DataFileError(f"The file is not whole {packed or 'zip'} data: {error}.") from None
        except OSError as error:
            if packed != "bzip2" or error.errno is not None:
                raise
            raise DataFileError(f"The file is not whole bzip2 data: {error}.") from None


def kind_of(plain: BinaryIO) -> str:
    """Return what an unpacked file is: `xlsx`, `parquet` or `text`."""
    begins = _peek(plain)
    if begins.startswith(b"PAR1"):
        return "parquet"
    return "xlsx" if begins.startswith(b"PK\x03\x04") else "text"


@contextmanager
def text_of(plain: BinaryIO) -> Iterator[TextIO]:
    """Read an unpacked file as text, from its beginning and with its line ends as they are.

    Bytes that are not UTF-8 become lone surrogates, which spoil their own row. Raises DataFileError if it is cut off.
    """
    encoding = _encoding(_peek(plain))
    errors = "surrogateescape" if encoding == "utf-8-sig" else "surrogatepass"
    text = io.TextIOWrapper(plain, encoding=encoding, errors=errors, newline="")
    try:
        yield text
    except UnicodeDecodeError as error:
        raise DataFileError(f"The file is not whole {encoding.upper()} text: {error.reason}.") from None
    finally:
        text.detach()


def _peek(body: BinaryIO) -> bytes:
    body.seek(0)
    begins = body.read(LOOKED_AT)
    body.seek(0)
    return begins


def _unpacked(body: BinaryIO, begins: bytes, most: int | None) -> tuple[str, BinaryIO | None, str]:
    """What the body is packed in, what is in it, None if it is not packed, and the name of that in an archive."""
    for mark, (way, reader) in _PACKED.items():
        if begins.startswith(mark):
            return way, cast(BinaryIO, reader(body)), ""
    if not begins.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "", None, ""
    return "zip", *_sole_file(body, most)


def _sole_file(body: BinaryIO, most: int | None) -> tuple[BinaryIO | None, str]:
    """The one file in an archive with its name; None if it is a workbook."""
    archive = opened_archive(body)
    names = archive.namelist()
    if _WORKBOOK in names:
        return None, ""
    for name, what in _IN_ZIP.items():
        if name in names:
            raise _foreign(what)
    files = [name for name in names if not name.endswith("/") and not name.startswith("__MACOSX/")]
    name = _sole_data_file(files, "zip archive")
    if archive.getinfo(name).flag_bits & 1:
        raise DataFileError("The zip archive is encrypted: send what is in it.")
    check_entries([archive.getinfo(name)], most)
    return cast(BinaryIO, archive.open(name)), name


def data_file_in(folder: Path) -> Path:
    """Return the one file with data in a folder such as the hub has for a data set; raises DataFileError."""
    return folder / _sole_data_file(
        sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()), "folder"
    )


def _sole_data_file(files: Sequence[str], where: str) -> str:
    """The one file that holds data, beside what only describes it."""
    found = [name for name in files if not _DESCRIBES.search(name)] or list(files)
    if len(found) != 1:
        listed = f": {', '.join(found[:5])}" if found else ""
        raise DataFileError(f"The {where} holds {len(found)} files instead of one{listed[:200]}.")
    return found[0]


def _check_known(begins: bytes) -> None:
    """Raise DataFileError, with its name, for a format that holds no rows that could be read."""
    start = begins.removeprefix(b"\xef\xbb\xbf").lstrip()
    for mark, what in _FOREIGN.items():
        if begins.startswith(mark) or (mark.startswith((b"<", b"{")) and start.startswith(mark)):
            raise _foreign(what)
    if begins[257:262] == b"ustar":
        raise _foreign("a tar archive")


def _foreign(what: str) -> DataFileError:
    return DataFileError(f"The file is {what}: save its rows as CSV, JSON Lines, XLSX or Parquet.")


def _encoding(begins: bytes) -> str:
    """UTF-8, unless there is the byte order mark of another Unicode, or NULs where UTF-16 has them."""
    if begins.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return "utf-32"
    if begins.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    shares = {"utf-16-le": _wide_share(begins, 0), "utf-16-be": _wide_share(begins, 1)}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] > 0.5 else "utf-8-sig"


def _wide_share(begins: bytes, low: int) -> float:
    """Of the ASCII separators at even (`low` 0) or odd places (1), the share that has a NUL for its other byte.

    Even a text of Chinese has commas and line ends, and a file of UTF-8 that is damaged has few NULs.
    """
    lows, highs = begins[low::2], begins[1 - low :: 2]
    separated = [high for one, high in zip(lows, highs, strict=False) if one in _ASCII_SEPARATORS]
    if not separated or highs.count(0) * 20 < len(highs):
        return 0.0
    return separated.count(0) / len(separated)
