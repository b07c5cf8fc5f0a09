"""Parquet files that unpack to more than memory holds."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.formats.files.packed import parquet
from models.formats.files.row_reader import RowReader
from models.model_errors import DataFileError

LONG = "x" * 100_000


def file_of(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def rows(body: bytes) -> list[object]:
    return [row.cells for row in RowReader(body, "a.parquet").rows()]


def shared(count: int) -> pa.Array:
    """So many rows of which all have one long text, which stands in the file once."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([LONG])).dictionary_decode()


@pytest.mark.parametrize(
    "column",
    [
        shared(2_000),
        pa.ListArray.from_arrays(pa.array(range(2_001), pa.int32()), shared(2_000)),
        pa.StructArray.from_arrays([shared(2_000), pa.array(range(2_000))], ["a", "b"]),
    ],
    ids=["text", "list", "struct"],
)
def test_a_text_that_all_rows_share_is_counted_for_each(monkeypatch: pytest.MonkeyPatch, column: pa.Array) -> None:
    body = file_of(pa.table({"text": column}))
    assert len(body) < 2 * len(LONG)
    assert len(rows(body)) == 2_000
    monkeypatch.setattr(parquet, "LARGEST_BATCH", 50 * 1024 * 1024)
    with pytest.raises(DataFileError, match="The texts of rows 1 to 1,000 have more than 50 MB"):
        rows(body)


def test_texts_lists_messages_and_numbers_are_read_as_they_are() -> None:
    told = [
        {
            "text": "ä",
            "n": 1,
            "list": ["a", "b"],
            "turns": [{"role": "user", "content": "c"}],
            "raw": None,
            "map": [("k", "v")],
        },
        {"text": None, "n": None, "list": None, "turns": [], "raw": b"b", "map": None},
    ]
    types = pa.schema(
        [
            ("text", pa.large_string()),
            ("n", pa.int64()),
            ("list", pa.list_(pa.string())),
            ("turns", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
            ("raw", pa.binary()),
            ("map", pa.map_(pa.string(), pa.string())),
        ]
    )
    assert rows(file_of(pa.Table.from_pylist(told, types))) == told


def test_a_column_chunk_too_large_to_unpack_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "LARGEST_CHUNK", 1024)
    with pytest.raises(DataFileError, match="The column text unpacks to more than 0 MB in one row group"):
        rows(file_of(pa.table({"text": [LONG]})))


def test_too_many_columns_are_refused() -> None:
    with pytest.raises(DataFileError, match="The table has more than 2,000 columns"):
        rows(file_of(pa.table({f"c{number}": ["a"] for number in range(2_001)})))


def test_an_index_that_is_cut_off_or_too_long_to_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    body = file_of(pa.table({"text": ["a"]}))
    for length in (2**31, len(body) + 1):
        with pytest.raises(DataFileError, match="The file cannot be read as Parquet: "):
            rows(body[:-8] + length.to_bytes(4, "little") + b"PAR1")
    monkeypatch.setattr(parquet, "LARGEST_INDEX", 10)
    with pytest.raises(DataFileError, match="The index of the Parquet file has more than"):
        rows(body)
