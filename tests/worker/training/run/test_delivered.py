"""The files of a run hold the model that was measured, and nothing is kept where they would not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.model_errors import RecipeError
from tests.tiny.classifiers import build_tiny_classifier
from tests.tiny.decoders import KINDS, build_tiny_decoder
from tests.tiny.llama import build_tiny_llama
from tests.tiny.t5 import build_tiny_t5
from tests.worker.training.methods.conftest import data_of, options_of, run
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.run.delivered import DeliveredCheck
from worker.training.run.saving import saved
from worker.training.shared.lora import lora_config
from worker.training.shared.training_errors import ParityError


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_on_a_model_with_tied_embeddings_is_saved_as_measured(kind: str, tmp_path: Path) -> None:
    run("dpo", build_tiny_decoder(tmp_path / "base", kind), tmp_path / "out", use_peft=True, max_steps=2)
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert written["saved_difference"] < 1e-4


@pytest.mark.parametrize(
    ("kind", "target", "said"),
    [
        ("qwen2", "embed_tokens", "model.embed_tokens shares its weights with lm_head"),
        ("gemma", "lm_head", "lm_head shares its weights with model.embed_tokens"),
        ("gpt2", "wte", "its linear layers are c_attn, c_fc, c_proj"),
        ("llama", "lm_head", "lm_head is the output head"),
        ("t5", "shared", "shared shares its weights with encoder.embed_tokens, decoder.embed_tokens, lm_head"),
        ("t5", "lm_head", "lm_head shares its weights"),
        ("t5-v1.1", "decoder.embed_tokens", "shares its weights with shared, encoder.embed_tokens"),
        ("t5-v1.1", "lm_head", "lm_head is the output head"),
    ],
)
def test_an_adapter_where_it_could_not_be_saved_is_refused(kind: str, target: str, said: str, tmp_path: Path) -> None:
    if kind in KINDS:
        build_tiny_decoder(tmp_path, kind)
    elif kind == "llama":
        build_tiny_llama(tmp_path, chat=False)
    else:
        build_tiny_t5(tmp_path, gated=kind == "t5-v1.1")
    with pytest.raises(RecipeError, match=said):
        lora_config(load_model_and_tokenizer(tmp_path).model, 4, 8, 0.0, target_modules=[target])


def test_a_model_that_differs_from_what_was_measured_is_found_out(tmp_path: Path) -> None:
    base, other = (build_tiny_llama(tmp_path / str(seed), seed=seed) for seed in (0, 1))
    loaded = load_model_and_tokenizer(base)
    check = DeliveredCheck(loaded, loaded.model, data_of("preference"), options_of("dpo"))
    assert check.difference(base) < 1e-5
    with pytest.raises(ParityError, match=r"another one than was measured: they differ by .* nats a token"):
        check.difference(other)


def test_rows_without_completions_are_compared_too(tmp_path: Path) -> None:
    base, other = (build_tiny_t5(tmp_path / str(seed), seed=seed) for seed in (0, 1))
    loaded = load_model_and_tokenizer(base)
    data = data_of("preference", [{"prompt": "you idiot"}], [])
    check = DeliveredCheck(loaded, loaded.model, data, options_of("dpo"))
    assert check.difference(base) < 1e-5
    with pytest.raises(ParityError):
        check.difference(other)


def test_the_rewards_of_a_classifier_are_compared(tmp_path: Path) -> None:
    base, other = (build_tiny_classifier(tmp_path / str(seed), seed=seed) for seed in (0, 1))
    loaded = load_model_and_tokenizer(base, classifier=True)
    check = DeliveredCheck(loaded, loaded.model, data_of("preference"), options_of("reward"))
    assert check.difference(base) < 1e-5
    with pytest.raises(ParityError, match="in a reward"):
        check.difference(other)


def test_nothing_half_written_is_left_where_the_files_are_refused(tmp_path: Path) -> None:
    loaded = load_model_and_tokenizer(build_tiny_t5(tmp_path / "base"))
    (tmp_path / "out").mkdir()

    def refused() -> None:
        with saved(loaded.model, loaded, loaded.model.config, options_of("dpo"), tmp_path / "out") as draft:
            assert (draft / "model.safetensors").exists()
            raise ParityError("They differ.")

    with pytest.raises(ParityError, match="They differ"):
        refused()
    assert list((tmp_path / "out").iterdir()) == []
