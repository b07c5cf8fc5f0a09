"""Saving of a trained model: its adapter, and the whole model with the adapter merged in."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers import PreTrainedConfig, PreTrainedModel

from models.settings.command_line import TrainOptions
from models.store.disk import flush, flush_all
from worker.training.loading.adapters import mark_as_trained_here
from worker.training.loading.loading import Loaded, load_model_and_tokenizer

ADAPTER = "adapter"
MODEL = "model"


@contextmanager
def saved(
    policy: PreTrainedModel, loaded: Loaded, config: PreTrainedConfig, options: TrainOptions, output_dir: Path
) -> Iterator[Path]:
    """Write `output_dir/adapter`, if `policy` has one, and yield a folder with the whole model, a draft.

    The draft becomes `output_dir/model` when the block ends; if it raises, neither folder is left. `policy` loses its
    weights, so that the block can load the saved model without memory for two.

    `config` is the model's as loaded: training switches off the generation cache in the one it uses. For a quantized
    model the adapter is merged into the unquantized weights in their own number format, since 4-bit weights cannot hold
    the sum.
    """
    draft = output_dir / f".{MODEL}.{os.getpid()}"
    try:
        model: Any = policy
        if isinstance(policy, PeftModel):
            _write_adapter(policy, loaded, output_dir / ADAPTER)
            if options.load_in_4bit:
                whole = replace(options, load_in_4bit=False, dtype="auto")
                base = load_model_and_tokenizer(loaded.source, whole, classifier=loaded.architecture == "classifier")
                config = base.model.config
                model = PeftModel.from_pretrained(base.model, str(output_dir / ADAPTER), use_safetensors=True)
            model = model.merge_and_unload()
        model.config = config
        model.save_pretrained(draft)
        loaded.tokenizer.save_pretrained(draft)
        model.to("meta")
        yield draft
        flush_all(draft)  # what has this name is taken for a whole model, and checkpoints are removed then
        draft.rename(output_dir / MODEL)
        flush(output_dir)
    except BaseException:
        shutil.rmtree(output_dir / ADAPTER, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def saved_adapter(policy: PreTrainedModel, loaded: Loaded, output_dir: Path) -> Iterator[Path]:
    """Yield a folder with the adapter of `policy` alone, a draft that becomes `output_dir/adapter` when the block ends.

    `policy` loses its weights, so that the block can load the saved model without memory for two.
    """
    draft = output_dir / f".{ADAPTER}.{os.getpid()}"
    model: Any = policy
    try:
        _write_adapter(model, loaded, draft)
        model.to("meta")
        yield draft
        flush_all(draft)
        draft.rename(output_dir / ADAPTER)
        flush(output_dir)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_adapter(policy: PeftModel, loaded: Loaded, folder: Path) -> None:
    """Write the trained adapter of `policy`, without one that it is compared with."""
    for adapter in policy.peft_config.values():
        adapter.base_model_name_or_path = loaded.source
    policy.save_pretrained(str(folder), selected_adapters=["default"])
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's card is an unfilled form
    mark_as_trained_here(folder)
