"""Rows of a Hugging Face dataset, from the hub or a local folder."""

from collections.abc import Iterable, Mapping

from datasets import Dataset, load_dataset
from datasets.exceptions import DatasetGenerationError

from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import DatasetError


def load_rows(name: str, split: str) -> Iterable[Mapping[str, object]]:
    """Return the rows of a split; raises `DatasetError` if it does not exist or the hub cannot be reached.

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
