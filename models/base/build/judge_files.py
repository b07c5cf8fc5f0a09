"""A trained judge as the folder that `models.judge` loads."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import ctranslate2
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from models.judge import HEAD_FILE

_SPECIAL = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}


def write_judge(encoder: PreTrainedModel, head: torch.nn.Linear, tokenizer: Tokenizer, out: Path) -> None:
    """Convert the encoder to int8 and put it beside its tokenizer and its head, whole or not at all."""
    with tempfile.TemporaryDirectory(dir=out.parent) as work:
        plain, folder = Path(work) / "plain", Path(work) / "judge"
        encoder.save_pretrained(plain)
        fast: Any = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_SPECIAL)  # type: ignore[no-untyped-call]
        fast.save_pretrained(plain)
        ctranslate2.converters.TransformersConverter(str(plain)).convert(str(folder), quantization="int8")
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        weights = head.weight.detach()[0].numpy().copy(), head.bias.detach().numpy().copy()
        save_file(dict(zip(("weights", "bias"), weights, strict=True)), folder / HEAD_FILE)
        for path in folder.iterdir():
            path.chmod(0o644)
        if out.exists():
            shutil.rmtree(out)
        os.replace(folder, out)
