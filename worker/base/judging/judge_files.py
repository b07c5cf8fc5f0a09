"""Export of a trained judge to the folder that `models.serving.judge` loads."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import ctranslate2
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from models.serving.judge import HEAD_FILE
from worker.base.judging.judge_student import Student

_SPECIAL = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}


def write_judge(student: Student, tokenizer: Tokenizer, out: Path) -> None:
    """Convert the encoder to int8 and write it with its tokenizer and its head, atomically."""
    with tempfile.TemporaryDirectory(dir=out.parent) as work:
        plain, folder = Path(work) / "plain", Path(work) / "judge"
        student.encoder.save_pretrained(plain)
        fast: Any = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_SPECIAL)  # type: ignore[no-untyped-call]
        fast.save_pretrained(plain)
        ctranslate2.converters.TransformersConverter(str(plain)).convert(str(folder), quantization="int8")
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        weights = {name: weight for name, weight in student.state_dict().items() if not name.startswith("encoder.")}
        save_file(weights, folder / HEAD_FILE)
        for path in folder.iterdir():
            path.chmod(0o644)
        if out.exists():
            shutil.rmtree(out)
        os.replace(folder, out)
