"""The checkpoint of a build: the model's shape, atomic saving, and the state to resume from."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch.nn import Dropout
from transformers import GenerationConfig, T5Config, T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5Attention

from worker.base.build.curriculum import Curriculum
from worker.base.build.tokenizer import EOS_ID, PAD_ID, save_tokenizer

_PROGRESS = "progress.json"
_WEIGHTS = "resume.safetensors"


@dataclass
class BuildProgress:
    """The progress of a build; with the weights it is enough to resume."""

    seconds: float = 0.0
    steps: int = 0
    groups: int = 0
    tokens: int = 0
    curriculum: Curriculum = field(default_factory=Curriculum)


def new_model(
    vocab_size: int,
    *,
    width: int,
    encoder_layers: int,
    decoder_layers: int,
    feed_forward: int | None = None,
    heads: int | None = None,
) -> T5ForConditionalGeneration:
    """Return an untrained T5 v1.0: ReLU feed forward, tied embeddings and therefore scaled decoder outputs.

    By default the feed forward is four times the width, with one head for every 64 of it.
    """
    config = T5Config(  # type: ignore[call-arg]
        vocab_size=vocab_size,
        d_model=width,
        d_kv=64,
        d_ff=feed_forward or 4 * width,
        num_heads=heads or max(1, width // 64),
        num_layers=encoder_layers,
        num_decoder_layers=decoder_layers,
        feed_forward_proj="relu",
        dropout_rate=0.0,
        tie_word_embeddings=True,
        scale_decoder_outputs=True,
        pad_token_id=PAD_ID,
        eos_token_id=EOS_ID,
        decoder_start_token_id=PAD_ID,
    )
    return T5ForConditionalGeneration(config)


def grow(model: T5ForConditionalGeneration, encoder_layers: int, decoder_layers: int) -> T5ForConditionalGeneration:
    """Return a deeper model with the same function: each added block copies the one below, with outputs of zero.

    Stacking a trained model's own blocks, with the added ones an identity at first, keeps its abilities (Chen et al.
    2016, Net2Net; Bachlechner et al. 2020, ReZero).
    """
    config = T5Config(**{
        **model.config.to_dict(), "num_layers": encoder_layers, "num_decoder_layers": decoder_layers
    })  # fmt: skip
    grown = T5ForConditionalGeneration(config)
    weights = {name: value for name, value in model.state_dict().items() if ".block." not in name}
    for stack, old, new in (
        ("encoder", len(model.encoder.block), encoder_layers),
        ("decoder", len(model.decoder.block), decoder_layers),
    ):
        for place in range(new):
            origin = place * old // new
            added = place > 0 and (place - 1) * old // new == origin
            prefix = f"{stack}.block.{origin}."
            for name, value in model.state_dict().items():
                if not name.startswith(prefix) or (added and "relative_attention_bias" in name):
                    continue
                is_output = name.endswith(("Attention.o.weight", "EncDecAttention.o.weight", ".wo.weight"))
                weights[f"{stack}.block.{place}.{name.removeprefix(prefix)}"] = (
                    torch.zeros_like(value) if added and is_output else value.clone()
                )
    grown.load_state_dict(weights)
    return grown


def set_dropout(model: T5ForConditionalGeneration, rate: float) -> None:
    """Set the dropout of every layer of a model and of its config."""
    model.config.dropout_rate = rate
    for module in model.modules():
        if isinstance(module, Dropout):
            module.p = rate
        elif isinstance(module, T5Attention):
            module.dropout = rate


def replace_file(written: Path, target: Path) -> None:
    """Move a finished file into place atomically."""
    os.replace(written, target)


def save_checkpoint(model: T5ForConditionalGeneration, tokenizer: Tokenizer, out: Path) -> None:
    """Write weights, configs and tokenizer into a folder, replacing each file atomically."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".writing-") as name:
        folder = Path(name)
        model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            decoder_start_token_id=PAD_ID, eos_token_id=EOS_ID, pad_token_id=PAD_ID, max_new_tokens=128
        )
        model.save_pretrained(folder)
        save_tokenizer(tokenizer, folder)
        for path in sorted(folder.iterdir()):
            replace_file(path, out / path.name)


def save_progress(model: T5ForConditionalGeneration, progress: BuildProgress, work: Path) -> None:
    """Write the resumable state; the optimizer's running averages recover within a few steps."""
    weights = {name: value.contiguous() for name, value in model.named_parameters()}
    save_file(weights, work / "new.safetensors")
    (work / "new.json").write_text(json.dumps(asdict(progress)), encoding="utf-8")
    replace_file(work / "new.safetensors", work / _WEIGHTS)
    replace_file(work / "new.json", work / _PROGRESS)


def resume(model: T5ForConditionalGeneration, work: Path) -> BuildProgress:
    """Load the saved state into the model; return the initial progress if there is none."""
    if not (work / _PROGRESS).exists():
        return BuildProgress()
    model.load_state_dict(load_file(work / _WEIGHTS), strict=False)
    stored = json.loads((work / _PROGRESS).read_text(encoding="utf-8"))
    return BuildProgress(**{**stored, "curriculum": Curriculum(**stored["curriculum"])})
