"""Write a trained model: its adapter, and the whole model with the adapter merged in."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers import PreTrainedConfig, PreTrainedModel

from models.settings.command_line import TrainOptions
from worker.training.loading.loading import Loaded, load_model_and_tokenizer

ADAPTER = "adapter"
MODEL = "model"


def save(
    policy: PreTrainedModel, loaded: Loaded, config: PreTrainedConfig, options: TrainOptions, output_dir: Path
) -> None:
    """Write `output_dir/adapter`, where `policy` is wrapped in one, and `output_dir/model`, which appears whole.

    `config` is the model's as it was loaded: training turns the cache of generation off in the one it uses. Under a
    quantized model the adapter is merged into the unquantized weights, in the number format of their own, since those
    of 4 bits cannot hold the sum.
    """
    aside = output_dir / f".{MODEL}.{os.getpid()}"
    try:
        model: Any = policy
        if isinstance(policy, PeftModel):
            _save_adapter(policy, loaded, output_dir)
            if options.load_in_4bit:
                whole = replace(options, load_in_4bit=False, dtype="auto")
                base = load_model_and_tokenizer(loaded.source, whole, classifier=loaded.architecture == "classifier")
                config = base.model.config
                model = PeftModel.from_pretrained(base.model, str(output_dir / ADAPTER), use_safetensors=True)
            model = model.merge_and_unload()
        model.config = config
        model.save_pretrained(aside)
        loaded.tokenizer.save_pretrained(aside)
        aside.rename(output_dir / MODEL)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _save_adapter(policy: PeftModel, loaded: Loaded, output_dir: Path) -> None:
    for adapter in policy.peft_config.values():
        adapter.base_model_name_or_path = loaded.source
    policy.save_pretrained(str(output_dir / ADAPTER))
    (output_dir / ADAPTER / "README.md").unlink(missing_ok=True)  # PEFT's card is an unfilled form
