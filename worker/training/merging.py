"""A model with an adapter put into its weights, and any model written as a plain folder of safetensors."""

import json
import os
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from peft import PeftModel, get_peft_model_state_dict
from safetensors import SafetensorError, safe_open

from models.train_options import TrainOptions
from worker.training.errors import CheckpointError
from worker.training.quiet import quiet
from worker.training.run.loading import Loaded, load_model_and_tokenizer

DTYPES = ("float32", "bfloat16", "float16")

_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"


def load_merged(source: str, adapter: str = "", options: TrainOptions | None = None) -> Loaded:
    """The model in `source` with the LoRA adapter (a folder or hub id) merged in, on the GPU if there is one.

    `source` may be empty where an adapter is given: then it is the base that the adapter names. An adapter may itself
    be the `source`. Raises `CheckpointError`, also if the adapter was made for another model.
    """
    if not source and not adapter:
        raise CheckpointError("Name a model, or an adapter that names its base model.")
    if not adapter and (Path(source) / _CONFIG).is_file():
        source, adapter = "", source
    if not adapter:
        loaded = load_model_and_tokenizer(source, options)
    else:
        folder = _adapter_folder(adapter)
        loaded = _with_adapter(load_model_and_tokenizer(source or _base_of(folder), options), folder)
    if torch.cuda.is_available():
        loaded.model.to("cuda")  # type: ignore[arg-type]
    return loaded


def write_model(loaded: Loaded, output_dir: Path, dtype: str = "float32") -> None:
    """Write the model and its tokenizer to `output_dir` as safetensors of that number format; it appears whole.

    Raises `CheckpointError` if the folder is there already and not empty, and OSError if it cannot be written.
    """
    check_free(output_dir)
    output_dir.parent.mkdir(parents=True, exist_ok=True)
    aside = output_dir.with_name(f".{output_dir.name}.{os.getpid()}")
    model: Any = loaded.model
    try:
        with quiet():
            model.to(getattr(torch, dtype)).save_pretrained(aside)
            loaded.tokenizer.save_pretrained(aside)
        os.replace(aside, output_dir)  # onto an empty folder, or nothing
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_free(output_dir: Path) -> None:
    """Raise `CheckpointError` if something is at `output_dir` that a new folder would replace."""
    if output_dir.exists() and (not output_dir.is_dir() or any(output_dir.iterdir())):
        raise CheckpointError(f"{output_dir} is there already: choose another output folder.")


def _with_adapter(loaded: Loaded, folder: Path) -> Loaded:
    """The model with the adapter in `folder` added to its weights."""
    problem = f"The adapter {folder} does not fit {loaded.source}"
    try:
        with quiet():
            warnings.filterwarnings("ignore", "Found missing adapter keys", UserWarning)  # said below, as an error
            peft: Any = PeftModel.from_pretrained(loaded.model, str(folder))
            strangers = _weights_of(folder) ^ {name for name in get_peft_model_state_dict(peft) if "lora_" in name}
            if strangers:
                raise CheckpointError(f"{problem}: they differ in {len(strangers)} of the adapter's weights.")
            model = peft.merge_and_unload()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = next((line for line in str(error).strip().splitlines() if line.strip()), type(error).__name__)
        raise CheckpointError(f"{problem}: {reason.strip()}") from error
    model.train(False)
    return replace(loaded, model=model, source=str(folder))


def _weights_of(folder: Path) -> set[str]:
    """The names of the LoRA weights that an adapter has."""
    with safe_open(folder / _WEIGHTS, framework="pt") as file:
        return {name for name in list(file.keys()) if "lora_" in name}


def _adapter_folder(adapter: str) -> Path:
    """The folder of an adapter, fetched from the hub if it is not here; only safetensors count."""
    folder = Path(adapter)
    if not folder.is_dir():
        try:
            with quiet():
                folder = Path(snapshot_download(adapter, allow_patterns=[_CONFIG, _WEIGHTS]))
        except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
            raise CheckpointError(f"There is no adapter {adapter}, here or on the hub.") from error
    for name in (_CONFIG, _WEIGHTS):
        if not (folder / name).is_file():
            raise CheckpointError(f"{adapter} is no adapter: it has no {name}.")
    return folder


def _base_of(folder: Path) -> str:
    try:
        base = json.loads((folder / _CONFIG).read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (ValueError, AttributeError):
        raise CheckpointError(f"{folder / _CONFIG} is damaged.") from None
    if not base:
        raise CheckpointError(f"The adapter {folder} does not name its base model: give it too.")
    return str(base)
