"""A tiny T5 that writes a few words and stops, so that its evaluation takes seconds; random weights write on and on."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from transformers import T5ForConditionalGeneration

from tests.tiny.t5 import build_tiny_t5
from worker.training.shared.checkpoint import load_model, load_tokenizer, save_checkpoint

STEPS = 80
_PAIRS = {
    "you are stupid": "you are wrong",
    "you are stupid and your idea number 7 is garbage": "i disagree",
    "this movie is trash": "i disagree with it",
    "stop it, idiot": "please stop",
    "only a moron would say that, was it you?": "please think",
}


def teach_brevity(folder: Path) -> None:
    """Build the tiny T5 in a folder, and train it to answer with two to four words."""
    draft = folder.with_name(f"{folder.name}.draft")
    build_tiny_t5(draft, seed=1)
    model, tokenizer = load_model(draft), load_tokenizer(draft)
    assert isinstance(model, T5ForConditionalGeneration)
    torch.manual_seed(1)
    sources = tokenizer(list(_PAIRS), return_tensors="pt", padding=True)
    labels = tokenizer(list(_PAIRS.values()), return_tensors="pt", padding=True).input_ids
    labels[labels == tokenizer.pad_token_id] = -100
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    model.train()
    for _ in range(STEPS):
        optimizer.zero_grad()
        model(input_ids=sources.input_ids, attention_mask=sources.attention_mask, labels=labels).loss.backward()
        optimizer.step()
    folder.mkdir()
    save_checkpoint(model, tokenizer, folder)
    shutil.rmtree(draft)
