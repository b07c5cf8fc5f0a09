"""Decoder-only models with embeddings tied to the head, small enough to train inside a test: Qwen2, Gemma and GPT-2.

Weights are random; the tokenizer is the tiny Llama's, with its chat template for the two that are chat models.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GemmaConfig, GPT2Config, Qwen2Config

from tests.tiny.llama import tiny_tokenizer

KINDS = ("qwen2", "gemma", "gpt2")
GPT2_POSITIONS = 96


def build_tiny_decoder(folder: Path, kind: str, *, seed: int = 0) -> Path:
    """Write a random model of one of `KINDS` and its tokenizer to `folder` and return `folder`."""
    tokenizer = tiny_tokenizer(chat=kind != "gpt2")
    auto: Any = AutoModelForCausalLM
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = auto.from_config(_config(kind, len(tokenizer)))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _config(kind: str, size: int) -> Any:
    common: dict[str, Any] = {"vocab_size": size, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    if kind == "gpt2":
        return GPT2Config(**common, n_embd=64, n_layer=2, n_head=4, n_positions=GPT2_POSITIONS)
    shape: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
    }
    return GemmaConfig(**common, **shape, head_dim=16) if kind == "gemma" else Qwen2Config(**common, **shape)
