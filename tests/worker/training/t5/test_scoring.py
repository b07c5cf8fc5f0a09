"""The log-probabilities of texts are those of a plain T5, whatever they are computed together with."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from worker.training.shared.checkpoint import encode, load_model, load_tokenizer
from worker.training.shared.examples import PreferenceExample
from worker.training.t5.scoring import mean_token_log_prob, sequence_log_probs, token_log_probs


def test_batches_and_padding_do_not_change_a_score(each_t5: Path, examples: list[PreferenceExample]) -> None:
    model, tokenizer = load_model(each_t5), load_tokenizer(each_t5)
    prompts, chosen = [e.prompt for e in examples], [e.chosen for e in examples]

    alone = []
    for prompt, completion in zip(prompts, chosen, strict=True):
        target = torch.tensor([encode(tokenizer, completion)])
        with torch.no_grad():
            loss = model(input_ids=torch.tensor([encode(tokenizer, prompt)]), labels=target).loss
        alone.append(-float(loss) * target.numel())  # the loss is the mean over the tokens

    assert sequence_log_probs(model, tokenizer, prompts, chosen, batch_size=3) == pytest.approx(alone, abs=1e-4)


def test_a_model_is_left_in_the_mode_it_was_in(tiny_t5: Path) -> None:
    model, tokenizer = load_model(tiny_t5).train(), load_tokenizer(tiny_t5)

    first, second = (sequence_log_probs(model, tokenizer, ["you"], ["stop"]) for _ in range(2))

    assert first == second  # no dropout while scoring
    assert model.training


def test_the_mean_counts_tokens_and_not_texts(tiny_t5: Path) -> None:
    model, tokenizer = load_model(tiny_t5), load_tokenizer(tiny_t5)
    pairs = [("you", "stop"), ("you", "the idea is not very good")]
    sums = sequence_log_probs(model, tokenizer, ["you", "you"], [target for _, target in pairs])

    # "stop" and its end are 2 tokens; six words and their end are 7.
    assert mean_token_log_prob(model, tokenizer, pairs) == pytest.approx(sum(sums) / 9)


def test_every_token_of_a_target_has_its_own_log_probability(tiny_t5: Path) -> None:
    model, tokenizer = load_model(tiny_t5), load_tokenizer(tiny_t5)
    prompts, completions = ["you are stupid", "stop", "you"], ["you are wrong", "stop it please", "no"]
    sources, targets = ([encode(tokenizer, text) for text in texts] for texts in (prompts, completions))

    found = token_log_probs(model, sources, targets, batch_size=2)

    assert [len(row) for row in found] == [len(target) for target in targets]
    assert all(value < 0 for row in found for value in row)
    sums = sequence_log_probs(
        model, tokenizer, ["you are stupid", "stop", "you"], ["you are wrong", "stop it please", "no"]
    )
    assert [math.fsum(row) for row in found] == pytest.approx(sums, abs=1e-4)


def test_a_token_is_scored_by_what_stands_before_it_alone(tiny_t5: Path) -> None:
    model, tokenizer = load_model(tiny_t5), load_tokenizer(tiny_t5)
    source = encode(tokenizer, "you are stupid")
    short, long = encode(tokenizer, "you are wrong"), encode(tokenizer, "you are so wrong")
    same = 2  # "you are", after which they part

    first, second = token_log_probs(model, [source, source], [short, long])

    assert short[:same] == long[:same]
    assert first[:same] == pytest.approx(second[:same], abs=1e-5)
    assert first[same:] != pytest.approx(second[same : len(first)], abs=1e-5)


def test_no_texts_have_no_scores(tiny_t5: Path) -> None:
    assert sequence_log_probs(load_model(tiny_t5), load_tokenizer(tiny_t5), [], []) == []
