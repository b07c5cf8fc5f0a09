"""Training rows from a file of any format, Parquet included, or from a hub dataset."""

from collections.abc import Mapping
from pathlib import Path

from models.formats import Kind, RowFile, read_rows, rows_of


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

    They are of `kind`, or of the kind that the data has if that is None.

    `ranking`, `format` and `columns` are those of `models.formats.read_rows`. Raises `DataFileError` if the data as a
    whole cannot be understood, `DatasetError` if a dataset cannot be loaded, OSError if a file cannot be read. What
    holds bad rows is returned: `RowFile.check_usable` judges it.
    """
    if train_file is None:
        from worker.training.shared.hub_data import load_rows

        return rows_of(load_rows(dataset_name, split), kind, ranking=ranking, columns=columns, format=format)
    return read_rows(train_file, kind, ranking=ranking, columns=columns, format=format)
