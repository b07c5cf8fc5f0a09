"""Rows of a dataset of the Hugging Face hub, or of a local folder in one of its formats."""

from collections.abc import Iterable, Mapping

from datasets import Dataset, load_dataset
from datasets.exceptions import DatasetGenerationError

from worker.training.shared.errors import DatasetError
from worker.training.shared.quiet import quiet


def load_rows(name: str, split: str) -> Iterable[Mapping[str, object]]:
    """The rows of a split; raises `DatasetError` if there is no such dataset or split, or the hub cannot be reached.

    No code of a dataset is run: `datasets` reads data files only.
    """
    try:
        with quiet():
            dataset = load_dataset(name, split=split)
    except (OSError, ValueError, RuntimeError, DatasetGenerationError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise DatasetError(f"The split {split} of the dataset {name} could not be loaded: {reason}.") from error
    if not isinstance(dataset, Dataset):
        raise DatasetError(f"The dataset {name} has no single split {split}.")
    rows: Iterable[Mapping[str, object]] = dataset
    return rows
