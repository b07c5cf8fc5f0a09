"""Loading and saving of encoder-decoder checkpoints, and tokenization for them.

A checkpoint is a folder: config.json, model.safetensors, tokenizer.json. Weights are read from safetensors alone and no
code of a checkpoint is ever run, so a stranger's checkpoint can be wrong but not hostile.
"""

from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils.peft_utils import find_adapter_config_file

from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import CheckpointError


def load_model(source: Path | str) -> PreTrainedModel:
    """Load the encoder-decoder in the folder (or hub id) `source`, in float32, in evaluation mode.

    It is float32 whatever the parent was saved in: the change of one short DPO run is smaller than the rounding of
    bfloat16 and would be lost on merging. Raises `CheckpointError` if there is no such model or it is no
    encoder-decoder.
    """
    check_place(source)
    try:
        with quiet():
            config = without_attention(AutoConfig.from_pretrained(str(source), trust_remote_code=False))
            check_no_adapter(str(source))
            model: PreTrainedModel = AutoModelForSeq2SeqLM.from_pretrained(
                str(source), config=config, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
            )
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(f"No encoder-decoder model could be loaded from {source}: {reason}") from error
    model.train(False)
    return model


def without_attention(config: PreTrainedConfig) -> PreTrainedConfig:
    """Remove what a checkpoint's configuration says about how attention is computed, and return the configuration.

    It could name code on the hub, which would be fetched and run: only whoever trains may choose.
    """
    config._attn_implementation = None  # of the parts of the model, too
    return config


def check_place(source: Path | str) -> None:
    """Raise `CheckpointError` if `source` can only be a path and nothing is there."""
    name, path = str(source), Path(source)
    if not path.exists() and (path.is_absolute() or name.startswith(".") or name.count("/") > 1):
        raise CheckpointError(f"There is no model at {name}.")


def check_no_adapter(name: str) -> None:
    """Raise `CheckpointError` for a model on the hub that is an adapter, too: the library would load what it names."""
    if not Path(name).exists() and find_adapter_config_file(name) is not None:
        raise CheckpointError(f"{name} holds an adapter, which names another model: merge it first.")


def load_tokenizer(source: Path | str) -> PreTrainedTokenizerFast:
    """Load the tokenizer exactly as the tokenizer.json of `source` describes it.

    `AutoTokenizer` is not used: for a T5 it rebuilds the pipeline from the vocabulary alone and so drops byte fallback,
    and training would see other tokens than serving. Special tokens that tokenizer_config.json does not name default to
    T5's. Raises `CheckpointError` if there is no tokenizer, or it lacks them.
    """
    check_place(source)
    if Path(source).is_dir() and not (Path(source) / "tokenizer.json").is_file():
        raise CheckpointError(f"No tokenizer could be loaded from {source}: it has no tokenizer.json.")
    try:
        tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(str(source))
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(f"No tokenizer could be loaded from {source}: {reason}") from error
    for role, token in (("pad_token", "<pad>"), ("eos_token", "</s>"), ("unk_token", "<unk>")):
        if getattr(tokenizer, role) is None:
            if token not in tokenizer.get_vocab():
                raise CheckpointError(f"The tokenizer of {source} has no {role}.")
            setattr(tokenizer, role, token)
    return tokenizer


def encode(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Return the token ids of `text`, closed by exactly one EOS even if the text itself contains `</s>`."""
    end = tokenizer.eos_token_id
    # One text at a time: a batch would start the tokenizer's threads, which do not survive the fork of a worker.
    ids = tokenizer(text, add_special_tokens=False).input_ids
    return [token for token in ids if token not in (end, tokenizer.pad_token_id)] + [end]


def truncate(ids: list[int], limit: int) -> list[int]:
    """Return the first `limit` tokens of `ids`, the last of them EOS."""
    return ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]


def save_checkpoint(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write config.json, model.safetensors and the tokenizer's files to `folder`."""
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
