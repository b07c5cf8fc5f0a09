"""A checkpoint whose generation settings contradict each other can be trained and saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny.llama import build_tiny_llama
from tests.worker.training.methods.conftest import run
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.shared.generation_flags import drop_ignored_flags
from worker.training.shared.training_errors import CheckpointError


def with_settings(folder: Path, **settings: object) -> Path:
    path = build_tiny_llama(folder) / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    return folder


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.7, "top_p": 0.9, "do_sample": False},
        {"num_beams": 1, "early_stopping": True, "length_penalty": 2.0},
        {"output_scores": True, "return_dict_in_generate": False},
        {"pad_token_id": -1},
    ],
)
def test_settings_that_generation_ignores_are_dropped_and_told(settings: dict[str, object], tmp_path: Path) -> None:
    model = load_model_and_tokenizer(with_settings(tmp_path / "base", **settings)).model
    model.generation_config.eos_token_id = [2, 5]  # as transformers' trainers do
    with pytest.raises(ValueError, match="GenerationConfig is invalid"):
        model.save_pretrained(tmp_path / "before")

    said: list[str] = []
    drop_ignored_flags(model, said.append)

    model.save_pretrained(tmp_path / "after")
    (line,) = said
    assert line.startswith("Left out of generation_config.json")
    written = json.loads((tmp_path / "after" / "generation_config.json").read_text())
    for name in settings.keys() - {"do_sample", "num_beams", "return_dict_in_generate"}:
        assert name in line
        assert name not in written


def test_settings_that_have_an_effect_are_kept(tmp_path: Path) -> None:
    model = load_model_and_tokenizer(with_settings(tmp_path, temperature=0.7, do_sample=True)).model
    said: list[str] = []
    drop_ignored_flags(model, said.append)
    assert model.generation_config.temperature == 0.7
    assert said == []


def test_settings_that_cannot_be_mended_are_refused_at_once(tmp_path: Path) -> None:
    model = load_model_and_tokenizer(build_tiny_llama(tmp_path)).model
    model.generation_config.num_return_sequences = 4
    with pytest.raises(CheckpointError, match=r"generation_config\.json cannot be used: Greedy methods"):
        drop_ignored_flags(model, print)


def test_a_training_is_not_broken_off_at_its_first_checkpoint(tmp_path: Path) -> None:
    """The trainer adds the tokenizer's EOS to that of the model, and so changes the settings it has to save."""
    base = with_settings(tmp_path / "base", temperature=0.7, do_sample=False, eos_token_id=5)
    result, progress = run("dpo", base, tmp_path / "out", max_steps=2, save_steps=1)
    assert "Left out of generation_config.json, since generation ignores it there: temperature." in progress.lines
    written = json.loads((result.model_dir / "generation_config.json").read_text())
    assert "temperature" not in written
    assert 2 in written["eos_token_id"]
