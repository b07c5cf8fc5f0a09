"""Loading of any trainable model: a T5, a chat model, a classifier, from a folder, the hub, a GGUF or an adapter.

Weights are read from safetensors (or GGUF) alone and no code of a checkpoint is run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from models.settings.command_line import TrainOptions
from worker.training.loading.adapters import base_of, check_adapter, is_adapter, merge_adapter, rates_texts
from worker.training.loading.four_bit import keep_trainable
from worker.training.shared.checkpoint import check_no_adapter, check_place, load_tokenizer, without_attention
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import CheckpointError

Architecture = Literal["seq2seq", "causal", "classifier"]


@dataclass(frozen=True)
class Loaded:
    """A model with its tokenizer, which has a padding and an EOS token. `source` is where it was loaded from."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    architecture: Architecture
    source: str


def load_model_and_tokenizer(
    source: Path | str, options: TrainOptions | None = None, *, classifier: bool = False
) -> Loaded:
    """Load the model in `source`, in evaluation mode: a folder, a hub id, a `.gguf` file or a folder with a single one.

    A folder with a PEFT adapter is loaded as its base model with the adapter merged in. With `classifier` the model
    gets, or has, a head with one output; without it, what has such a head is refused. `options` give the number format,
    the attention and the quantization (default: float32). Raises `CheckpointError`.
    """
    options = options or TrainOptions()
    name = str(source)
    with quiet(), _as_checkpoint_error(name):
        if is_adapter(Path(name)):
            if rates_texts(Path(name)) and not classifier:
                raise CheckpointError(f"{name} is the adapter of a reward model: it rates texts and writes none.")
            return _with_adapter(Path(name), options, classifier)
        place, gguf = _gguf(name)
        config = without_attention(AutoConfig.from_pretrained(place, trust_remote_code=False, **gguf))
        check_no_adapter(place)
        if _has_rating_head(config) and not classifier:
            raise CheckpointError(f"{name} is a reward model or another classifier: it rates texts and writes none.")
        architecture: Architecture = (
            "classifier" if classifier else "seq2seq" if config.is_encoder_decoder else "causal"
        )
        tokenizer = _tokenizer(place, architecture, gguf)
        model = _model(place, architecture, config, gguf, options)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.eos_token_id is None and not classifier:
        raise CheckpointError(f"The tokenizer of {name} has no EOS token, so a model could not learn where to stop.")
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    model.train(False)
    return Loaded(model, tokenizer, architecture, name)


def architecture_of(source: Path | str) -> Architecture:
    """Return the architecture, encoder-decoder or decoder-only, from the configuration of the model in `source`."""
    return "seq2seq" if config_of(source).is_encoder_decoder else "causal"


def is_classifier(source: Path | str) -> bool:
    """Return True if `source` is a classifier, such as a reward model, or the adapter of one."""
    if is_adapter(Path(source)):
        return rates_texts(Path(source)) or is_classifier(base_of(Path(source)))
    return _has_rating_head(config_of(source))


def _has_rating_head(config: PreTrainedConfig) -> bool:
    return any(name.endswith("ForSequenceClassification") for name in config.architectures or ())


def tokenizer_of(source: Path | str) -> PreTrainedTokenizerBase:
    """Return the tokenizer of the model in `source`, or of an adapter's base, alone. Raises `CheckpointError`."""
    name = str(source)
    architecture = architecture_of(name)
    with quiet(), _as_checkpoint_error(name):
        place, gguf = _gguf(base_of(Path(name)) if is_adapter(Path(name)) else name)
        return _tokenizer(place, architecture, gguf)


def config_of(source: Path | str) -> PreTrainedConfig:
    """Return the configuration of the model in `source`, or of an adapter's base. Raises `CheckpointError`."""
    name = str(source)
    with quiet(), _as_checkpoint_error(name):
        if is_adapter(Path(name)):
            name = base_of(Path(name))
        place, gguf = _gguf(name)
        config: PreTrainedConfig = AutoConfig.from_pretrained(place, trust_remote_code=False, **gguf)
    return config


def _gguf(name: str) -> tuple[str, dict[str, str]]:
    """Return the folder to load from, and the arguments that name the GGUF file in it, if there is one."""
    check_place(name)
    path = Path(name)
    if path.is_file() and path.suffix == ".gguf":
        return str(path.parent), {"gguf_file": path.name}
    if path.is_dir() and not (path / "config.json").exists():
        files = sorted(path.glob("*.gguf"))
        if len(files) > 1:
            raise CheckpointError(f"{name} holds {len(files)} GGUF files: name one of them.")
        if files:
            return name, {"gguf_file": files[0].name}
    return name, {}


def _tokenizer(place: str, architecture: Architecture, gguf: dict[str, str]) -> PreTrainedTokenizerBase:
    if architecture == "seq2seq":
        return load_tokenizer(place)
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(place, trust_remote_code=False, **gguf)
    return tokenizer


def _model(
    place: str, architecture: Architecture, config: PreTrainedConfig, gguf: dict[str, str], options: TrainOptions
) -> PreTrainedModel:
    extra: dict[str, Any] = {
        "config": config,
        "dtype": options.dtype if options.dtype == "auto" else getattr(torch, options.dtype),
    }
    if options.attn_implementation != "default":
        extra["attn_implementation"] = options.attn_implementation
    if options.load_in_4bit:
        extra["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type=options.bnb_4bit_quant_type,
            bnb_4bit_use_double_quant=options.use_bnb_nested_quant,
            bnb_4bit_compute_dtype=torch.bfloat16 if options.bf16 or _on_gpu(options) else torch.float32,
        )
    if gguf:
        extra |= gguf
    else:
        extra["use_safetensors"] = True
    kind: Any = {
        "seq2seq": AutoModelForSeq2SeqLM,
        "causal": AutoModelForCausalLM,
        "classifier": AutoModelForSequenceClassification,
    }[architecture]
    if architecture == "classifier":
        config.num_labels = 1
    torch.manual_seed(options.seed)  # initializes a new head
    model: PreTrainedModel = kind.from_pretrained(place, trust_remote_code=False, **extra)
    if options.load_in_4bit:
        keep_trainable(model)
    if gguf:
        _unmark_quantized(model)
    return model


def _on_gpu(options: TrainOptions) -> bool:
    """Return True if training will run on a GPU that computes in bfloat16 (see arguments.py)."""
    return torch.cuda.is_available() and not options.use_cpu and not options.fp16 and torch.cuda.is_bf16_supported()


def _unmark_quantized(model: Any) -> None:
    """Remove the marks of quantization from a model read from GGUF: its weights are plain again and may be trained."""
    model.hf_quantizer = None
    model.is_quantized = False
    for config in (model.config, getattr(model, "generation_config", None)):
        if config is not None and hasattr(config, "quantization_config"):
            del config.quantization_config


def _with_adapter(folder: Path, options: TrainOptions, classifier: bool) -> Loaded:
    """Load the base model that an adapter names, and merge the adapter into it."""
    base = base_of(folder)
    check_adapter(folder)
    loaded = load_model_and_tokenizer(base, options, classifier=classifier)
    return replace(loaded, model=merge_adapter(loaded.model, folder, loaded.source), source=str(folder))


@contextmanager
def _as_checkpoint_error(name: str) -> Iterator[None]:
    """Turn the libraries' errors about a model that cannot be loaded into one `CheckpointError`."""
    try:
        yield
    except (OSError, ValueError, ImportError, KeyError, RuntimeError, TypeError) as error:
        reason = next((line for line in str(error).strip().splitlines() if line.strip()), type(error).__name__)
        raise CheckpointError(f"No model could be loaded from {name}: {reason.strip()}") from error
