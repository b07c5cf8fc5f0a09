"""Ways to share a model out over GPUs that Mellow cannot train with, refused before anything is loaded."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.model_errors import RecipeError

_LARGEST_STAGE = 2


def check_weights_are_whole(environ: Mapping[str, str] = os.environ) -> None:
    """Raise RecipeError if `accelerate launch` was told to share the weights of a model out.

    The first process scores and saves the model, for which it must hold all weights, as with copies (DDP) or ZeRO up to
    stage 2. FSDP 2 could moreover not hold a T5, or any model with tied embeddings: PyTorch 2.13 refuses them.
    """
    what = ""
    if environ.get("ACCELERATE_USE_FSDP") == "true":
        what = "FSDP"
    elif environ.get("ACCELERATE_USE_DEEPSPEED") == "true" and _stage(environ) > _LARGEST_STAGE:
        what = "ZeRO-3"
    if what:
        raise RecipeError(
            f"{what} shares out the weights, but Mellow scores and saves whole models: use ZeRO-2, which shares out "
            "optimizer and gradients, or train an adapter (use_peft, and load_in_4bit on a decoder-only model)."
        )


def _stage(environ: Mapping[str, str]) -> int:
    """Return the stage of ZeRO: that of DeepSpeed's own file, or else the one that accelerate was told."""
    file = environ.get("ACCELERATE_DEEPSPEED_CONFIG_FILE", "none")
    if file != "none":
        settings: Any = json.loads(Path(file).read_text(encoding="utf-8"))
        return int(settings.get("zero_optimization", {}).get("stage", 0))
    return int(environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "0"))
