"""Loading is safe and exact; failing to load says why."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from worker.training.shared.checkpoint import encode, load_model, load_tokenizer, save_checkpoint, truncate
from worker.training.shared.training_errors import CheckpointError


def bare(folder: Path, tmp_path: Path) -> Path:
    """The checkpoint in `folder` as three files, as a colleague's script or another library may have left it."""
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        shutil.copy(folder / name, tmp_path)
    return tmp_path


def test_a_bare_tokenizer_json_keeps_byte_fallback(tiny_t5: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(bare(tiny_t5, tmp_path))

    ids = encode(tokenizer, "ï")

    assert tokenizer.convert_ids_to_tokens(ids) == ["▁", "<0xC3>", "<0xAF>", "</s>"]
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id) == (0, 1)


def test_a_tokenizer_without_an_end_token_is_refused(tiny_t5: Path, tmp_path: Path) -> None:
    path = bare(tiny_t5, tmp_path) / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8").replace("</s>", "<end>"), encoding="utf-8")

    with pytest.raises(CheckpointError, match="has no eos_token"):
        load_tokenizer(tmp_path)


def test_weights_that_are_not_safetensors_are_refused(tiny_t5: Path, tmp_path: Path) -> None:
    folder = bare(tiny_t5, tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({"shared.weight": torch.zeros(1)}, folder / "pytorch_model.bin")

    with pytest.raises(CheckpointError, match="safetensors"):
        load_model(folder)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No encoder-decoder model could be loaded"):
        load_model(tmp_path)
    with pytest.raises(CheckpointError, match="No tokenizer could be loaded"):
        load_tokenizer(tmp_path)


def test_a_decoder_only_model_is_refused(tiny_t5: Path, tmp_path: Path) -> None:
    (bare(tiny_t5, tmp_path) / "config.json").write_text(json.dumps({"model_type": "gpt2"}))

    with pytest.raises(CheckpointError, match="No encoder-decoder model could be loaded"):
        load_model(tmp_path)


def test_a_checkpoint_in_half_precision_is_loaded_in_float32(tiny_t5: Path, tmp_path: Path) -> None:
    half: Any = load_model(tiny_t5)
    half.to(torch.bfloat16)
    save_checkpoint(half, load_tokenizer(tiny_t5), tmp_path)

    assert {weight.dtype for weight in load_model(tmp_path).parameters()} == {torch.float32}


def test_truncation_keeps_the_end_token() -> None:
    assert truncate([5, 6, 7, 8, 1], 3) == [5, 6, 1]
    assert truncate([5, 6, 1], 3) == [5, 6, 1]
