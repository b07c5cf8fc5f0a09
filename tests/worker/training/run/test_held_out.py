"""The yardstick of every method, against the naive computation."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny.llama import build_tiny_llama
from tests.tiny.t5 import build_tiny_t5
from worker.training.loading.loading import Loaded, load_model_and_tokenizer
from worker.training.loading.rendering import render, token_ids
from worker.training.run.held_out import (
    LogProbs,
    PairScores,
    completion_log_probs,
    objective_figures,
    pair_figures,
)

ROWS = [
    {"prompt": "you are stupid", "chosen": "you are wrong", "rejected": "you are a moron", "objective": "kind"},
    {"prompt": "stop", "chosen": "please stop it now my good person", "rejected": "stop", "objective": "kind"},
    {"prompt": "what a movie this is", "chosen": "no", "rejected": "garbage", "objective": "short"},
]


@pytest.fixture(scope="module", params=["t5", "llama", "chat"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder: Path = tmp_path_factory.mktemp(request.param)
    if request.param == "t5":
        return load_model_and_tokenizer(build_tiny_t5(folder))
    return load_model_and_tokenizer(build_tiny_llama(folder, chat=request.param == "chat"))


@torch.no_grad()
def naive(loaded: Loaded, row: dict[str, str], column: str) -> tuple[float, int]:
    """The log-probability of one completion, a token at a time and without any padding."""
    shown = render([row], loaded)[0]
    before, after = token_ids(loaded, shown["prompt"], shown[column])
    model, total = loaded.model, 0.0
    for place, token in enumerate(after):
        if loaded.architecture == "seq2seq":
            start = model.config.decoder_start_token_id
            decoder = torch.tensor([[start, *after[:place]]])
            logits = model(input_ids=torch.tensor([before]), decoder_input_ids=decoder).logits
        else:
            logits = model(input_ids=torch.tensor([[*before, *after[:place]]])).logits
        total += float(logits[0, -1].log_softmax(-1)[token])
    return total, len(after)


def test_log_probabilities_are_those_of_the_tokens_one_by_one(loaded: Loaded) -> None:
    found = completion_log_probs(loaded, loaded.model, ROWS, "chosen")

    expected = [naive(loaded, row, "chosen") for row in ROWS]
    np.testing.assert_allclose(found.sums, [total for total, _ in expected], atol=1e-4)
    assert found.lengths.tolist() == [count for _, count in expected]


def test_a_completion_ends_with_one_eos(loaded: Loaded) -> None:
    row = render(ROWS[:1], loaded)[0]
    before, after = token_ids(loaded, row["prompt"], row["chosen"])

    end = loaded.tokenizer.eos_token_id
    assert after.count(end) == 1
    assert str(loaded.tokenizer.decode(after, skip_special_tokens=True)).strip() == "you are wrong"
    assert "stupid" in loaded.tokenizer.decode(before)


def scores(chosen: list[float], rejected: list[float], lengths: tuple[list[int], list[int]]) -> PairScores:
    return PairScores(
        LogProbs(np.array(chosen), np.array(lengths[0], float)),
        LogProbs(np.array(rejected), np.array(lengths[1], float)),
    )


def test_figures_by_hand() -> None:
    start = scores([-4, -6, -9], [-2, -6, -3], ([2, 3, 3], [2, 3, 1]))
    after = scores([-2, -6, -9], [-4, -6, -2], ([2, 3, 3], [2, 3, 1]))

    figures = pair_figures(after, start)

    # Per token: -1 against -2, a tie at -2, -3 against -2.
    assert figures["preference_accuracy"]["value"] == 0.5
    assert figures["chosen_nll"]["value"] == pytest.approx((1 + 2 + 3) / 3)
    # Gains: (2) - (-2) = 4, a tie, 0 - 1 = -1.
    assert figures["implicit_reward_accuracy"]["value"] == 0.5
    assert figures["implicit_reward_margin"]["value"] == 1.0


def test_objectives_have_figures_of_their_own() -> None:
    after = scores([-2, -2, -9], [-4, -4, -3], ([2, 2, 3], [2, 2, 1]))

    figures = objective_figures(ROWS, after)

    assert figures["preference_accuracy"]["value"] == pytest.approx(2.5 / 3, abs=1e-6)  # the last pair is a tie
    assert figures["kind/preference_accuracy"] == {
        "value": 1.0,
        "low": pytest.approx(0.025**0.5, abs=1e-6),  # exact: both of two
        "high": 1.0,
        "texts": 2,
    }
    assert figures["short/chosen_nll"]["value"] == 3.0
