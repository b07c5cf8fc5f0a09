"""Rows of Parquet files, read with a library that is loaded for them alone.

A text that many rows share stands in the file once. So texts are read as the numbers of such texts, and what the rows
hold is summed up before memory holds it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from models.formats.files.raw_rows import MOST_COLUMNS, RawRow, row_of, too_wide
from models.model_errors import DataFileError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ROWS_AT_ONCE = 1000
LARGEST_INDEX = 16 * 1024 * 1024
"""Bytes of the list of row groups and columns at the end of the file, which is read as a whole."""
LARGEST_CHUNK = 512 * 1024 * 1024
"""Bytes of one column in one row group, unpacked."""
LARGEST_BATCH = 256 * 1024 * 1024
"""Bytes of the texts in ROWS_AT_ONCE rows."""
_MB = 1024 * 1024


def parquet_rows(plain: BinaryIO) -> Iterator[RawRow]:
    """Yield the rows of a Parquet file by their numbers from 1; raises DataFileError if it is none, or too large."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        _check_index(plain)
        metadata = pq.read_metadata(plain)
        texts = _checked_texts(metadata)
        plain.seek(0)
        file = pq.ParquetFile(plain, metadata=metadata, read_dictionary=texts)
        schema = pq.ParquetFile(plain, metadata=metadata).schema_arrow
        for batch in file.iter_batches(ROWS_AT_ONCE):
            if sum(map(_size, batch.columns)) > LARGEST_BATCH:
                rows = f"rows {number + 1:,} to {number + batch.num_rows:,}"
                raise DataFileError(f"The texts of {rows} have more than {LARGEST_BATCH // _MB} MB.")
            for value in batch.cast(schema).to_pylist():
                number += 1
                yield row_of(number, value)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise DataFileError(f"The file cannot be read as Parquet: {reason}.") from None


def _check_index(plain: BinaryIO) -> None:
    """Raise DataFileError if the index of a file is too long to be read."""
    plain.seek(0, io.SEEK_END)
    end = plain.tell()
    plain.seek(max(0, end - 8))
    if LARGEST_INDEX < int.from_bytes(plain.read(4), "little") <= end:  # Arrow refuses one that is not all there
        raise DataFileError(f"The index of the Parquet file has more than {LARGEST_INDEX // _MB} MB.")
    plain.seek(0)


def _checked_texts(metadata: pq.FileMetaData) -> list[str]:
    """Return the columns of texts, by their paths; raises DataFileError if there is too much of a column."""
    columns = [metadata.schema.column(place) for place in range(len(metadata.schema))]
    if len(columns) > MOST_COLUMNS:
        raise DataFileError(too_wide())
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for place in range(group.num_columns):
            chunk = group.column(place)
            if chunk.total_uncompressed_size > LARGEST_CHUNK:
                raise DataFileError(
                    f"The column {chunk.path_in_schema[:40]} unpacks to more than {LARGEST_CHUNK // _MB} MB in one row "
                    "group: write the file with smaller row groups."
                )
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]


def _size(array: pa.Array) -> int:
    """Return the bytes that an array takes with each text for itself."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(array, pa.DictionaryArray):
        lengths = pc.take(pc.binary_length(array.dictionary), array.indices)
        return int(pc.sum(lengths, min_count=0).as_py()) + int(array.indices.nbytes)
    if isinstance(array, pa.MapArray):  # which is a kind of list, too
        return _size(array.keys) + _size(array.items)
    if isinstance(array, pa.StructArray):
        return sum(map(_size, array.flatten()))
    if isinstance(array, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        return _size(array.flatten())
    return int(array.nbytes)
