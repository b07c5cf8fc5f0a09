"""A tiny chat model that is converted for serving: a random Llama with tied embeddings, whose answers differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from tests.tiny.llama import tiny_tokenizer
from worker.training.shared.quiet_libraries import quiet

POSITIONS = 512


def build_tiny_chat(folder: Path, *, chat: bool = True, seed: int = 0, ends: bool = True) -> Path:
    """Write the model to `folder` and return it; without `ends` it hardly ever ends an answer by itself."""
    tokenizer: Any = tiny_tokenizer(chat)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=POSITIONS,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = LlamaForCausalLM(config)
        with torch.no_grad():
            model.model.embed_tokens.weight.mul_(10)  # sharp enough that layers and positions count
            if not ends:
                model.model.embed_tokens.weight[2] = 0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_tiny_adapter(base: Path, folder: Path) -> Path:
    """Write an adapter of the model in `base` with random weights that change what it computes; return `folder`."""
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model: Any = AutoModelForCausalLM.from_pretrained(base)
        adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=32, target_modules=["q_proj", "down_proj"]))
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.3)
        adapted.save_pretrained(str(folder))
    return folder
