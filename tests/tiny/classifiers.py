"""Encoders small enough to build and train inside a test: BERT, DistilBERT and RoBERTa, d 32, two layers.

Their vocabulary is the words of the tiny T5, a word a token, between `[CLS]` and `[SEP]`. Weights are random.
"""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    DistilBertConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
)

from tests.tiny.t5 import WORDS

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
POSITIONS = 64


def build_tiny_encoder(folder: Path, kind: str = "bert", *, seed: int = 0) -> Path:
    """Write a random encoder without a head, as a pretrained one comes, to `folder` and return `folder`."""
    return _write(folder, kind, AutoModel, 1, seed)


def build_tiny_classifier(folder: Path, kind: str = "bert", *, outputs: int = 1, seed: int = 0) -> Path:
    """Write a random classifier to `folder` and return `folder`."""
    return _write(folder, kind, AutoModelForSequenceClassification, outputs, seed)


def _write(folder: Path, kind: str, auto: Any, outputs: int, seed: int) -> Path:
    tokenizer = _tokenizer(kind)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = auto.from_config(_config(kind, len(tokenizer), outputs))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _config(kind: str, size: int, outputs: int) -> Any:
    common: dict[str, Any] = {"vocab_size": size, "pad_token_id": 0, "num_labels": outputs, "initializer_range": 0.2}
    if kind == "distilbert":
        return DistilBertConfig(
            **common, dim=32, hidden_dim=64, n_layers=2, n_heads=4, max_position_embeddings=POSITIONS
        )
    shape: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    if kind == "roberta":  # which counts positions from the padding token's id on
        return RobertaConfig(**common, **shape, type_vocab_size=1, max_position_embeddings=POSITIONS + 2)
    return BertConfig(**common, **shape, max_position_embeddings=POSITIONS)


def _tokenizer(kind: str) -> Any:
    vocabulary = {token: place for place, token in enumerate([*SPECIAL, *dict.fromkeys(WORDS.split())])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    pair = "[CLS] $A [SEP] [SEP] $B [SEP]" if kind == "roberta" else "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1"
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair=pair, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=POSITIONS,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"]
        if kind == "bert"
        else ["input_ids", "attention_mask"],
    )
