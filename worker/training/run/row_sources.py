"""Training rows from a file of any format, Parquet included, or from a hub dataset."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from models.formats import Kind, RowFile, read_rows, rows_of
from worker.training.shared.errors import DatasetError


def load_row_file(
    train_file: Path | None,
    dataset_name: str,
    split: str,
    kind: Kind | None,
    ranking: str = "best-vs-rest",
    format: str = "auto",
    columns: Mapping[str, str] | None = None,
) -> RowFile:
    """Load the rows of `train_file` or, if that is None, of a split of the dataset `dataset_name`.

    They are of `kind`, or of the data's own kind if that is None. `ranking`, `format` and `columns` are those of
    `models.formats.read_rows`. Raises `DataFileError` if the data as a whole cannot be read, `DatasetError` if a
    dataset or a Parquet file cannot be loaded, OSError if a file cannot be opened. Data with bad rows is returned; see
    `RowFile.check_usable`.
    """
    if train_file is None:
        from worker.training.shared.hub_data import load_rows

        return rows_of(load_rows(dataset_name, split), kind, ranking=ranking, columns=columns, format=format)
    if train_file.suffix.casefold() == ".parquet":
        return rows_of(parquet_rows(train_file), kind, ranking=ranking, columns=columns, format=format)
    return read_rows(train_file, kind, ranking=ranking, columns=columns, format=format)


def parquet_rows(path: Path) -> Iterator[Mapping[str, object]]:
    """Yield the rows of a Parquet file in order; raises `DatasetError` if it is none, OSError if it is missing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as source:
        try:
            for batch in pq.ParquetFile(source).iter_batches():
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise DatasetError(f"{path.name} cannot be read as Parquet: {reason}.") from error
