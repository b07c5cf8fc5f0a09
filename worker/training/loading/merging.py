"""Merging of a model with an adapter, and writing of any model as a plain folder of safetensors."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from models.settings.command_line import TrainOptions
from models.store.trained_on import TrainedOn
from worker.training.loading.adapters import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    base_of,
    check_adapter,
    merge_adapter,
    rates_texts,
)
from worker.training.loading.loading import Loaded, is_classifier, load_model_and_tokenizer
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import CheckpointError

DTYPES = ("float32", "bfloat16", "float16")


def load_merged(
    source: str, adapter: str = "", options: TrainOptions | None = None, *, with_head: bool = False
) -> Loaded:
    """Load the model in `source` with the LoRA adapter (a folder or hub id) merged in, on the GPU if there is one.

    `source` may be empty if an adapter is given: then the adapter's own base is loaded. `source` may itself be an
    adapter. A reward model is loaded with its head if `with_head`, and else refused, since it writes no text. Raises
    `CheckpointError`, also if the adapter was made for another model.
    """
    if not source and not adapter:
        raise CheckpointError("Name a model, or an adapter that names its base model.")
    if not adapter:
        loaded = load_model_and_tokenizer(source, options, classifier=with_head and is_classifier(source))
    else:
        folder = _adapter_folder(adapter)
        rates = rates_texts(folder) or (bool(source) and is_classifier(source))
        if rates and not with_head:
            raise CheckpointError(f"{adapter} is the adapter of a reward model: it rates texts and writes none.")
        base = load_model_and_tokenizer(source or base_of(folder), options, classifier=rates)
        loaded = replace(base, model=merge_adapter(base.model, folder, base.source), source=str(folder))
    if torch.cuda.is_available():
        loaded.model.to("cuda")  # type: ignore[arg-type]
    return loaded


def write_model(loaded: Loaded, output_dir: Path, dtype: str = "float32") -> None:
    """Write the model and its tokenizer to `output_dir` as safetensors of that number format, atomically.

    Raises `CheckpointError` if the folder exists and is not empty, and OSError if it cannot be written.
    """
    check_free(output_dir)
    output_dir.parent.mkdir(parents=True, exist_ok=True)
    draft = output_dir.with_name(f".{output_dir.name}.{os.getpid()}")
    model: Any = loaded.model
    try:
        with quiet():
            model.to(getattr(torch, dtype)).save_pretrained(draft)
            loaded.tokenizer.save_pretrained(draft)
        known = TrainedOn.read(Path(loaded.source))
        if known is not None:
            known.write(draft)
        os.replace(draft, output_dir)  # onto an empty folder, or nothing
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_free(output_dir: Path) -> None:
    """Raise `CheckpointError` if `output_dir` exists and is not an empty folder."""
    if output_dir.exists() and (not output_dir.is_dir() or any(output_dir.iterdir())):
        raise CheckpointError(f"{output_dir} is there already: choose another output folder.")


def _adapter_folder(adapter: str) -> Path:
    """Return the folder of an adapter, downloaded from the hub if it is not local; only safetensors are fetched."""
    folder = Path(adapter)
    if not folder.is_dir():
        try:
            with quiet():
                folder = Path(snapshot_download(adapter, allow_patterns=[ADAPTER_CONFIG, ADAPTER_WEIGHTS]))
        except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
            raise CheckpointError(f"There is no adapter {adapter}, here or on the hub.") from error
    check_adapter(folder, adapter)
    return folder
