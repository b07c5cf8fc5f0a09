"""A LoRA adapter put into the weights of its base model; one that was made for another model is refused."""

import json
import warnings
from pathlib import Path
from typing import Any

from peft import PeftModel, get_peft_model_state_dict
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel

from worker.training.shared.errors import CheckpointError
from worker.training.shared.quiet import quiet

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


def is_adapter(folder: Path) -> bool:
    """Whether the folder holds an adapter rather than a model."""
    return (folder / ADAPTER_CONFIG).is_file()


def base_of(folder: Path) -> str:
    """The model that the adapter in `folder` names as its base; raises `CheckpointError`."""
    try:
        base = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (ValueError, AttributeError):
        raise CheckpointError(f"{folder / ADAPTER_CONFIG} is damaged.") from None
    if not base:
        raise CheckpointError(f"The adapter {folder} does not name its base model: give it too.")
    return str(base)


def check_adapter(folder: Path, name: str = "") -> None:
    """Raise `CheckpointError` unless `folder`, called `name`, holds an adapter in safetensors; PEFT reads pickles."""
    for file in (ADAPTER_CONFIG, ADAPTER_WEIGHTS):
        if not (folder / file).is_file():
            raise CheckpointError(f"{name or folder} is no adapter: it has no {file}.")


def merge_adapter(model: PreTrainedModel, folder: Path, base: str) -> PreTrainedModel:
    """`model`, loaded from `base`, with the adapter in `folder` added to its weights, in evaluation mode.

    Raises `CheckpointError`, also if the adapter fits in part only.
    """
    check_adapter(folder)
    problem = f"The adapter {folder} does not fit {base}"
    try:
        with quiet():
            warnings.filterwarnings("ignore", "Found missing adapter keys", UserWarning)  # said below, as an error
            peft: Any = PeftModel.from_pretrained(model, str(folder))
            strangers = _weights_of(folder) ^ {name for name in get_peft_model_state_dict(peft) if "lora_" in name}
            if strangers:
                raise CheckpointError(f"{problem}: they differ in {len(strangers)} of the adapter's weights.")
            merged: PreTrainedModel = peft.merge_and_unload()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = next((line for line in str(error).strip().splitlines() if line.strip()), type(error).__name__)
        raise CheckpointError(f"{problem}: {reason.strip()}") from error
    merged.train(False)
    return merged


def _weights_of(folder: Path) -> set[str]:
    """The names of the LoRA weights that an adapter has."""
    with safe_open(folder / ADAPTER_WEIGHTS, framework="pt") as file:
        return {name for name in list(file.keys()) if "lora_" in name}
