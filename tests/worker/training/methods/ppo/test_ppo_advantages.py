"""Rewards, KL, whitening and advantages, with numbers to check on paper."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from worker.training.methods.ppo.advantages import (
    AdaptiveKL,
    explained_variance,
    gae,
    kl_k1,
    kl_k3,
    masked_mean,
    moments,
    token_rewards,
    whiten,
)


@st.composite
def batches(draw: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Rewards, values and a mask of texts of unequal lengths, at least one token each."""
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    numbers = st.lists(st.floats(-5, 5, width=32), min_size=rows * columns, max_size=rows * columns)
    lengths = draw(st.lists(st.integers(1, columns), min_size=rows, max_size=rows))
    rewards, values = (torch.tensor(draw(numbers), dtype=torch.float64).reshape(rows, columns) for _ in range(2))
    mask = (torch.arange(columns) < torch.tensor(lengths)[:, None]).long()
    return rewards, values, mask


def test_a_tokens_reward_is_its_kl_price_and_the_last_one_gets_the_score() -> None:
    logps = torch.tensor([[-1.0, -2.0, 99.0], [-1.0, -1.0, -1.0]])
    ref_logps = torch.tensor([[-1.5, -1.0, -99.0], [-1.0, -1.0, -3.0]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])

    rewards = token_rewards(torch.tensor([3.0, -1.0]), logps, ref_logps, mask, kl_coef=0.1)

    # -0.1 * (-1 + 1.5) = -0.05; -0.1 * (-2 + 1) + 3 = 3.1; then 0, 0 and -0.1 * (-1 + 3) - 1 = -1.2
    torch.testing.assert_close(rewards, torch.tensor([[-0.05, 3.1, 0.0], [0.0, 0.0, -1.2]]))


def test_both_estimators_of_kl_have_the_mean_of_the_true_kl() -> None:
    """p = (1/2, 1/2), p_ref = (1/4, 3/4): KL = 1/2 log 2 + 1/2 log 2/3 = 0.1438 nats."""
    logps, ref_logps = torch.tensor([1 / 2, 1 / 2]).log(), torch.tensor([1 / 4, 3 / 4]).log()

    # k1: log 2 = 0.6931 and log 2/3 = -0.4055.  k3: 1/2 - 1 + log 2 = 0.1931 and 3/2 - 1 - log 3/2 = 0.0945.
    assert kl_k1(logps, ref_logps).tolist() == pytest.approx([math.log(2), math.log(2 / 3)])
    assert kl_k3(logps, ref_logps).tolist() == pytest.approx([0.19315, 0.09453], abs=1e-5)
    for estimate in (kl_k1, kl_k3):
        assert float((logps.exp() * estimate(logps, ref_logps)).sum()) == pytest.approx(0.14384, abs=1e-5)


def test_advantages_worked_by_hand() -> None:
    """Two tokens, gamma 0.5 and lam 0.5: delta_1 = 4 - 2, delta_0 = 1 + 0.5 * 2 - 3, A_0 = delta_0 + 0.25 delta_1."""
    rewards, values = torch.tensor([[1.0, 4.0, 7.0]]), torch.tensor([[3.0, 2.0, 7.0]])

    advantages, returns = gae(rewards, values, torch.tensor([[1, 1, 0]]), gamma=0.5, lam=0.5)

    assert advantages.tolist() == [[-1 + 0.25 * 2, 2.0, 0.0]]
    assert returns.tolist() == [[-0.5 + 3, 2.0 + 2, 0.0]]


@given(batches(), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_with_lam_1_an_advantage_is_the_discounted_return_less_the_value(
    batch: tuple[Tensor, Tensor, Tensor], gamma: float
) -> None:
    rewards, values, mask = batch
    advantages, returns = gae(rewards, values, mask, gamma, lam=1.0)

    for row, length in enumerate(mask.sum(1).tolist()):
        for t in range(length):
            discounted = sum(gamma ** (k - t) * float(rewards[row, k]) for k in range(t, length))
            assert float(returns[row, t]) == pytest.approx(discounted, abs=1e-9)
            assert float(advantages[row, t]) == pytest.approx(discounted - float(values[row, t]), abs=1e-9)


@given(batches(), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_with_lam_0_an_advantage_is_the_td_residual(batch: tuple[Tensor, Tensor, Tensor], gamma: float) -> None:
    rewards, values, mask = batch
    advantages, _ = gae(rewards, values, mask, gamma, lam=0.0)

    for row, length in enumerate(mask.sum(1).tolist()):
        for t in range(length):
            following = float(values[row, t + 1]) if t + 1 < length else 0.0
            residual = float(rewards[row, t]) + gamma * following - float(values[row, t])
            assert float(advantages[row, t]) == pytest.approx(residual, abs=1e-9)


@given(batches(), st.sampled_from([0.0, 1e30, math.inf, math.nan]))
@settings(max_examples=50, deadline=None)
def test_what_stands_in_the_padding_never_matters(batch: tuple[Tensor, Tensor, Tensor], junk: float) -> None:
    rewards, values, mask = batch
    spoilt_rewards, spoilt_values = (torch.where(mask.bool(), each, junk) for each in (rewards, values))

    clean = [*gae(rewards, values, mask, 0.9, 0.8), whiten(rewards, mask), masked_mean(rewards, mask)]
    spoilt = [
        *gae(spoilt_rewards, spoilt_values, mask, 0.9, 0.8),
        whiten(spoilt_rewards, mask),
        masked_mean(spoilt_rewards, mask),
    ]

    for one, other in zip(clean, spoilt, strict=True):
        assert torch.equal(one, other)


@given(batches())
@settings(max_examples=50, deadline=None)
def test_more_padding_changes_nothing(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    rewards, values, mask = batch
    wide = [torch.nn.functional.pad(each, (0, 3)) for each in batch]

    advantages, returns = gae(rewards, values, mask, 0.9, 0.8)
    wide_advantages, wide_returns = gae(wide[0], wide[1], wide[2], 0.9, 0.8)

    assert torch.equal(wide_advantages[:, :-3], advantages)
    assert torch.equal(wide_returns[:, :-3], returns)
    assert not wide_advantages[:, -3:].any()


def test_whitening_gives_mean_0_and_variance_1_over_the_tokens() -> None:
    """1, 3 and 5 have mean 3 and variance 8/3."""
    values, mask = torch.tensor([[1.0, 3.0], [5.0, 1000.0]]), torch.tensor([[1, 1], [1, 0]])
    unit = math.sqrt(8 / 3)

    torch.testing.assert_close(whiten(values, mask), torch.tensor([[-2 / unit, 0.0], [2 / unit, 0.0]]))
    torch.testing.assert_close(
        whiten(values, mask, shift_mean=False), torch.tensor([[3 - 2 / unit, 3.0], [3 + 2 / unit, 0.0]])
    )


def test_equal_values_whiten_to_zero_and_not_to_infinity() -> None:
    assert whiten(torch.full((1, 3), 7.0), torch.ones(1, 3)).tolist() == [[0.0, 0.0, 0.0]]


def test_two_processes_whiten_as_one_would() -> None:
    values, mask = torch.randn(6, 5, dtype=torch.float64), torch.ones(6, 5)
    totals = moments(values[:2], mask[:2]) + moments(values[2:], mask[2:])

    parts = [whiten(values[:2], mask[:2], totals=totals), whiten(values[2:], mask[2:], totals=totals)]

    torch.testing.assert_close(torch.cat(parts), whiten(values, mask))


def test_explained_variance_is_1_for_the_returns_themselves_and_0_for_a_constant() -> None:
    returns, mask = torch.tensor([[1.0, 2.0, 4.0, 9.0]]), torch.tensor([[1, 1, 1, 0]])

    assert explained_variance(returns, returns, mask) == 1
    assert explained_variance(torch.full_like(returns, 5.0), returns, mask) == pytest.approx(0)
    assert math.isnan(explained_variance(returns, torch.ones_like(returns), mask))


def test_the_price_of_divergence_rises_and_falls_by_a_fiftieth_at_most() -> None:
    kl = AdaptiveKL(kl_coef=1.0, target=6.0)

    kl.update(60.0)  # error clipped to 0.2
    assert kl.kl_coef == pytest.approx(1.02)
    kl.update(6.0)
    assert kl.kl_coef == pytest.approx(1.02)
    kl.update(5.4)  # error -0.1
    assert kl.kl_coef == pytest.approx(1.02 * 0.99)
