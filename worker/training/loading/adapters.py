"""LoRA adapters: detection, and merging into the base model; an adapter made for another model is refused."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from peft import PeftModel, get_peft_model_state_dict
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel

from models.store.manifest import hash_file
from worker.training.shared.lora import shared_with
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import CheckpointError

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
TRAINED_HERE = Path.home() / ".cache" / "mellow" / "adapters"
"""An empty file for each adapter that was trained here, named by the hash of its configuration."""
_PEFT_PREFIX = "base_model.model."


def is_adapter(folder: Path) -> bool:
    """Return True if the folder holds an adapter and not a model."""
    return (folder / ADAPTER_CONFIG).is_file()


def base_of(folder: Path) -> str:
    """Return the base model that the adapter in `folder` names; raises `CheckpointError`.

    A place on this machine is believed only of an adapter that was trained here: a stranger's could name any.
    """
    try:
        base = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (ValueError, AttributeError):
        raise CheckpointError(f"{folder / ADAPTER_CONFIG} is damaged.") from None
    if not base:
        raise CheckpointError(f"The adapter {folder} does not name its base model: give it too.")
    if _is_place(str(base)) and not _mark(folder).exists():
        raise CheckpointError(
            f"The adapter {folder} was not trained here and says that its base model is in {base}: merge it with the "
            "model that you mean first."
        )
    return str(base)


def mark_as_trained_here(folder: Path) -> None:
    """Remember that the adapter in `folder` was trained by this person on this machine, if that can be written."""
    with suppress(OSError):
        TRAINED_HERE.mkdir(parents=True, exist_ok=True)
        _mark(folder).touch()


def _mark(folder: Path) -> Path:
    """Return the file that tells of the adapter in `folder` that it was trained here."""
    return TRAINED_HERE / hash_file(folder / ADAPTER_CONFIG)


def _is_place(name: str) -> bool:
    """Return True if a name means, or can only mean, a place on this machine and not a model on the hub."""
    return Path(name).exists() or Path(name).is_absolute() or name[0] in ".~" or name.count("/") > 1


def rates_texts(folder: Path) -> bool:
    """Return True if the adapter in `folder` is that of a classifier, as a reward model's is."""
    try:
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        return bool(config.get("task_type") == "SEQ_CLS")
    except (OSError, ValueError, AttributeError):
        return False


def check_adapter(folder: Path, name: str = "") -> None:
    """Raise `CheckpointError` unless `folder`, called `name`, holds an adapter in safetensors.

    PEFT itself would also read pickles.
    """
    for file in (ADAPTER_CONFIG, ADAPTER_WEIGHTS):
        if not (folder / file).is_file():
            raise CheckpointError(f"{name or folder} is no adapter: it has no {file}.")


def merge_adapter(model: PreTrainedModel, folder: Path, base: str) -> PreTrainedModel:
    """Merge the adapter in `folder` into `model`, loaded from `base`, and return it in evaluation mode.

    Raises `CheckpointError`, also if the adapter fits only in part.
    """
    check_adapter(folder)
    with _fitting(folder, base):
        _check_alone(model, folder)
        peft: Any = PeftModel.from_pretrained(model, str(folder))
        _check_all_fit(peft, folder, base)
        merged: PreTrainedModel = peft.merge_and_unload()
    merged.train(False)
    return merged


@contextmanager
def _fitting(folder: Path, base: str) -> Iterator[None]:
    """Turn the libraries' errors about an adapter that does not fit its model into one `CheckpointError`."""
    try:
        with quiet():
            warnings.filterwarnings("ignore", "Found missing adapter keys", UserWarning)  # raised as an error
            yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = next((line for line in str(error).strip().splitlines() if line.strip()), type(error).__name__)
        raise CheckpointError(f"The adapter {folder} does not fit {base}: {reason.strip()}") from error


def _check_all_fit(peft: PeftModel, folder: Path, base: str) -> None:
    unmatched = _weights_of(folder) ^ {name for name in get_peft_model_state_dict(peft) if "lora_" in name}
    if unmatched:
        raise CheckpointError(
            f"The adapter {folder} does not fit {base}: they differ in {len(unmatched)} of the adapter's weights."
        )


def with_trainable_adapter(model: PreTrainedModel, folder: Path, base: str) -> PreTrainedModel:
    """Put the adapter in `folder` on `model`, loaded from `base`, so that it can be trained further.

    Raises `CheckpointError`, also if the adapter fits only in part.
    """
    check_adapter(folder)
    with _fitting(folder, base):
        peft: Any = PeftModel.from_pretrained(model, str(folder), is_trainable=True)
        _check_all_fit(peft, folder, base)
    peft.train(False)
    return cast(PreTrainedModel, peft)


def _check_alone(model: PreTrainedModel, folder: Path) -> None:
    """Raise `CheckpointError` if the adapter is on a layer whose weights others share: it cannot be merged."""
    for layer in sorted({name.removeprefix(_PEFT_PREFIX).partition(".lora_")[0] for name in _weights_of(folder)}):
        others = shared_with(model, layer)
        if others:
            raise CheckpointError(
                f"The adapter {folder} cannot be merged: it is on {layer}, which shares its weights with "
                f"{', '.join(others)}."
            )


def _weights_of(folder: Path) -> set[str]:
    """Return the names of an adapter's LoRA weights."""
    with safe_open(folder / ADAPTER_WEIGHTS, framework="pt") as file:
        return {name for name in list(file.keys()) if "lora_" in name}
