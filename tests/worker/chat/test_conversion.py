"""The served form of a chat model computes what the model computes, with an adapter and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ctranslate2
import pytest
import torch
from transformers import AutoModelForCausalLM

from models.chat.conversation import Message
from models.chat.reading import Reader
from models.chat.source import ChatSource
from models.model_errors import LoadError
from tests.tiny.chat import build_tiny_adapter, build_tiny_chat
from tests.tiny.decoders import build_tiny_decoder
from worker.chat.conversion import convert, convert_in_process

TURNS = (
    Message("system", "Be brief."),
    Message("user", "What colour is the sky, and why?"),
    Message("assistant", "Blue, because air scatters blue light."),
    Message("user", "And at night?"),
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_chat(tmp_path_factory.mktemp("chat") / "tiny")


def by_transformers(base: Path, ids: list[int]) -> list[float]:
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0]
    return [float(one) for one in torch.log_softmax(logits, -1)[range(len(ids) - 1), ids[1:]]]


def by_form(form: Path, tokens: list[str]) -> list[float]:
    generator = ctranslate2.Generator(str(form), device="cpu", compute_type="float32")
    [scored] = generator.score_batch([tokens], max_input_length=0)
    return list(scored.log_probs)


def test_the_form_gives_a_long_conversation_the_log_probabilities_of_the_model(tiny: Path, tmp_path: Path) -> None:
    gap = convert(ChatSource(tiny), tmp_path / "form", "float32")
    assert gap < 1e-4
    reader = Reader(tmp_path / "form")
    tokens = reader.tokens(TURNS, 10)
    ids = [reader.tokenizer.token_to_id(token) or 0 for token in tokens]
    assert by_form(tmp_path / "form", tokens) == pytest.approx(by_transformers(tiny, ids), abs=1e-3)


def test_an_adapter_is_merged_into_the_form(tiny: Path, tmp_path: Path) -> None:
    adapter = build_tiny_adapter(tiny, tmp_path / "adapter")
    convert(ChatSource(tiny), tmp_path / "plain", "float32")
    convert(ChatSource(tiny, adapter), tmp_path / "adapted", "float32")
    tokens = Reader(tmp_path / "plain").tokens(TURNS, 10)
    plain, adapted = by_form(tmp_path / "plain", tokens), by_form(tmp_path / "adapted", tokens)
    assert max(abs(a - b) for a, b in zip(plain, adapted, strict=True)) > 0.1


def test_eight_bits_take_a_third_of_the_room(tiny: Path, tmp_path: Path) -> None:
    convert(ChatSource(tiny), tmp_path / "float32", "float32")
    convert(ChatSource(tiny), tmp_path / "int8", "int8")
    small, large = ((tmp_path / name / "model.bin").stat().st_size for name in ("int8", "float32"))
    assert small < large / 2


def test_an_adapter_of_another_model_is_refused(tiny: Path, tmp_path: Path) -> None:
    adapter = build_tiny_adapter(tiny, tmp_path / "adapter")
    other = build_tiny_decoder(tmp_path / "other", "gemma")
    with pytest.raises(LoadError, match="cannot be served as a chat model: it is a gemma"):
        convert(ChatSource(other, adapter), tmp_path / "form", "float32")
    assert not (tmp_path / "form").exists()


def test_a_model_without_a_template_is_refused_before_a_process_is_started(tmp_path: Path) -> None:
    plain = build_tiny_chat(tmp_path / "plain", chat=False)
    with pytest.raises(LoadError, match="has no chat template"):
        convert_in_process(ChatSource(plain), tmp_path / "form", "int8")


@pytest.mark.slow
def test_the_process_of_a_conversion_converts_or_says_why_it_cannot(tiny: Path, tmp_path: Path) -> None:
    convert_in_process(ChatSource(tiny), tmp_path / "form", "int8")
    assert Reader(tmp_path / "form").ends
    other = build_tiny_decoder(tmp_path / "other", "gemma")
    with pytest.raises(LoadError, match="cannot be served as a chat model: it is a gemma, not a llama"):
        convert_in_process(ChatSource(other), tmp_path / "refused", "int8")
