"""The trainer's own parts: the order of batches, padding, the loss, and the scores."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.chrf import CHRF

from worker.training.sft.sft_data import TokenPair
from worker.training.sft.sft_trainer import IGNORED, LengthGroupedSampler, collate, dev_chrf, dev_loss, token_loss
from worker.training.shared.checkpoint import encode, load_model, load_tokenizer
from worker.training.t5.scoring import mean_token_log_prob


@given(st.lists(st.integers(1, 60), min_size=1, max_size=300), st.integers(1, 9), st.integers(0, 3))
def test_an_epoch_takes_every_pair_once_whatever_its_length(lengths: list[int], batch: int, epoch: int) -> None:
    sampler = LengthGroupedSampler(lengths, batch, seed=1)
    sampler.set_epoch(epoch)
    order = list(sampler)
    assert sorted(order) == list(range(len(lengths)))
    assert list(sampler) == order, "the same epoch again is the same order"


def test_a_batch_holds_pairs_of_like_length_and_each_epoch_is_another() -> None:
    lengths = [1 + place % 100 for place in range(1000)]
    sampler = LengthGroupedSampler(lengths, 10, seed=1)
    first = list(sampler)
    spread = [max(part) - min(part) for part in batches_of([lengths[index] for index in first], 10)]
    assert max(spread) <= 8
    assert lengths[first[0]] == 100, "the longest come first, so that too little memory shows at once"
    sampler.set_epoch(1)
    assert list(sampler) != first


def batches_of(values: list[int], size: int) -> list[list[int]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def test_a_batch_is_padded_to_its_own_longest_pair() -> None:
    batch = collate([TokenPair([5, 6, 1], [7, 1]), TokenPair([8, 1], [9, 10, 1])], pad=0, start=3)
    assert batch["input_ids"].tolist() == [[5, 6, 1], [8, 1, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch["labels"].tolist() == [[7, 1, IGNORED], [9, 10, 1]]
    assert batch["decoder_input_ids"].tolist() == [[3, 7, 1], [3, 9, 10]]


def test_the_loss_is_a_mean_over_the_tokens_of_all_batches_of_a_step() -> None:
    """Two tokens of probability 1/2 and 1/8, padding left out: (ln 2 + ln 8) / 2 = 2 ln 2; over 4 tokens, ln 2."""
    logits = torch.log(torch.tensor([[[0.5, 0.5], [0.875, 0.125], [0.9, 0.1]]]))
    labels = torch.tensor([[0, 1, IGNORED]])
    outputs = SimpleNamespace(logits=logits)
    assert token_loss(outputs, labels, None).item() == pytest.approx(2 * math.log(2))
    assert token_loss(outputs, labels, torch.tensor(4)).item() == pytest.approx(math.log(2))


def test_the_dev_loss_is_the_mean_over_tokens(each_t5: Path) -> None:
    model, tokenizer = load_model(each_t5), load_tokenizer(each_t5)
    texts = [("you are a stupid idiot", "you are wrong"), ("stop", "please stop it now")]
    pairs = [TokenPair(encode(tokenizer, source), encode(tokenizer, target)) for source, target in texts]
    assert dev_loss(model, pairs) == pytest.approx(-mean_token_log_prob(model, tokenizer, texts), abs=1e-5)


def test_chrf_rates_what_the_model_writes_against_the_references(tiny_t5: Path) -> None:
    model, tokenizer = load_model(tiny_t5), load_tokenizer(tiny_t5)
    ids = torch.tensor([encode(tokenizer, "stop it")])
    written = model.generate(  # type: ignore[operator]
        input_ids=ids, num_beams=1, do_sample=False, max_new_tokens=ids.shape[1] * 2 + 16
    )
    output = str(tokenizer.decode(written[0], skip_special_tokens=True)).strip()
    assert output, "the test needs a model that writes something"
    assert dev_chrf(model, tokenizer, {"stop it": [output]}, 512) == pytest.approx(100)
    references = ["please stop", "you"]
    expected = CHRF().sentence_score(output, references).score
    assert dev_chrf(model, tokenizer, {"stop it": references}, 512) == pytest.approx(expected)


def test_chrf_rates_what_the_model_writes_whatever_its_checkpoint_declares_for_generation(tiny_t5: Path) -> None:
    model, tokenizer = load_model(tiny_t5), load_tokenizer(tiny_t5)
    references = {"stop it": ["please stop it now"], "you are stupid": ["you are wrong", "no"]}
    expected = dev_chrf(model, tokenizer, references, 512)
    declared: Any = model.generation_config
    declared.update(repetition_penalty=5.0, no_repeat_ngram_size=1, suppress_tokens=[*range(250, 300)])

    assert dev_chrf(model, tokenizer, references, 512) == expected
    assert model.generation_config is declared
