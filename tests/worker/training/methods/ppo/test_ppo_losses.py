"""PPO's losses, with numbers to check on paper."""

import math

import pytest
import torch

from worker.training.methods.ppo.losses import policy_loss, update_statistics, value_loss

MASK = torch.tensor([[1, 1], [1, 0]])


def logs(*rows: list[float]) -> torch.Tensor:
    """The logarithms of probabilities."""
    return torch.tensor(rows, dtype=torch.float64).log()


def test_the_policy_loss_is_equation_7_worked_by_hand() -> None:
    """Ratios 1.5, 0.5, 1.1 with advantages 1, -2, 3 and a clip of 0.2.

    min(1.5, 1.2) * 1 = 1.2; min(0.5 * -2, 0.8 * -2) = -1.6; 1.1 * 3 = 3.3; the mean is 2.9 / 3.
    """
    old = logs([0.2, 0.4], [0.5, 0.1])
    new = logs([0.3, 0.2], [0.55, 0.9])
    advantages = torch.tensor([[1.0, -2.0], [3.0, 1e9]], dtype=torch.float64)

    assert float(policy_loss(new, old, advantages, MASK, 0.2)) == pytest.approx(-2.9 / 3)


def test_the_policy_gets_gradient_only_where_the_clip_lets_it_through() -> None:
    """Of the ratios above the first is past the clip on the side of its advantage, and so is the second.

    The third gives d(-1.1 * 3 / 3)/d log p = -1.1; padding gives nothing.
    """
    new = logs([0.3, 0.2], [0.55, 0.9]).requires_grad_()
    advantages = torch.tensor([[1.0, -2.0], [3.0, 1e9]], dtype=torch.float64)

    (gradient,) = torch.autograd.grad(policy_loss(new, logs([0.2, 0.4], [0.5, 0.1]), advantages, MASK, 0.2), new)

    torch.testing.assert_close(gradient, torch.tensor([[0.0, 0.0], [-1.1, 0.0]], dtype=torch.float64))


def test_the_clip_never_saves_a_ratio_that_moved_the_wrong_way() -> None:
    """Ratio 1.5 with advantage -1: min(-1.5, -1.2) is the unclipped one, so that the policy is pulled back."""
    new = logs([0.3]).requires_grad_()

    loss = policy_loss(new, logs([0.2]), -torch.ones(1, 1, dtype=torch.float64), torch.ones(1, 1), 0.2)
    (gradient,) = torch.autograd.grad(loss, new)

    assert loss.tolist() == pytest.approx(1.5)
    assert gradient.tolist() == [[pytest.approx(1.5)]]


def test_at_ratio_1_the_gradient_is_that_of_reinforce() -> None:
    """d/d log p of -mean(r A) at r = 1 is -A / tokens."""
    new = logs([0.2, 0.4], [0.5, 0.1]).requires_grad_()
    advantages = torch.tensor([[1.0, -2.0], [3.0, 5.0]], dtype=torch.float64)

    (gradient,) = torch.autograd.grad(policy_loss(new, new.detach(), advantages, MASK, 0.2), new)

    torch.testing.assert_close(gradient, torch.tensor([[-1 / 3, 2 / 3], [-1.0, 0.0]], dtype=torch.float64))


def test_the_value_loss_worked_by_hand() -> None:
    """Old values 0, clip 0.2. V = 0.1, return 1: 0.81. V = 1, return 1: clipped to 0.2, 0.64. V = -1, return 1: 4."""
    values = torch.tensor([[0.1, 1.0], [-1.0, math.nan]], dtype=torch.float64)
    returns = torch.ones(2, 2, dtype=torch.float64)

    loss = value_loss(values, torch.zeros(2, 2, dtype=torch.float64), returns, MASK, 0.2)

    assert float(loss) == pytest.approx(0.5 * (0.81 + 0.64 + 4) / 3)


def test_a_value_past_the_clip_and_nearer_its_return_gets_no_gradient() -> None:
    values = torch.tensor([[0.9, -0.9]], dtype=torch.float64, requires_grad=True)

    loss = value_loss(values, torch.zeros(1, 2), torch.ones(1, 2), torch.ones(1, 2), 0.2)
    (gradient,) = torch.autograd.grad(loss, values)

    torch.testing.assert_close(gradient, torch.tensor([[0.0, -0.95]], dtype=torch.float64))


def test_the_gradients_are_the_derivatives() -> None:
    """Away from the kinks of the clips, in float64."""
    generator = torch.Generator().manual_seed(0)
    old, values, advantages = (torch.randn(3, 4, dtype=torch.float64, generator=generator) for _ in range(3))
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])
    new = (old + 0.5 * torch.randn(3, 4, dtype=torch.float64, generator=generator)).requires_grad_()

    assert torch.autograd.gradcheck(lambda x: policy_loss(x, old, advantages, mask, 0.2), new)
    assert torch.autograd.gradcheck(lambda x: value_loss(x, values, advantages, mask, 0.2), new)


def test_the_losses_of_accumulated_batches_add_up_to_the_loss_of_one() -> None:
    """Two batches of 2 and of 1 tokens, each divided by all 3 tokens."""
    generator = torch.Generator().manual_seed(0)
    new, old, advantages = (torch.randn(2, 2, dtype=torch.float64, generator=generator) for _ in range(3))

    for loss, clip in ((policy_loss, 0.2), (value_loss, 0.2)):
        whole = loss(new, old, advantages, MASK, clip)
        parts = [
            loss(new[r : r + 1], old[r : r + 1], advantages[r : r + 1], MASK[r : r + 1], clip, 3.0) for r in (0, 1)
        ]
        assert float(sum(parts)) == pytest.approx(float(whole))


def test_statistics_worked_by_hand() -> None:
    """The ratios 1.5, 0.5 and 1.1 of above; k3 is r - 1 - log r: 0.0945, 0.1931, 0.0047."""
    new, old = logs([0.3, 0.2], [0.55, 0.9]), logs([0.2, 0.4], [0.5, 0.1])
    advantages = torch.tensor([[1.0, -2.0], [3.0, 1e9]], dtype=torch.float64)
    values = torch.tensor([[0.1, 1.0], [-1.0, 0.0]], dtype=torch.float64)

    found = update_statistics(
        new,
        old,
        advantages,
        values,
        torch.zeros_like(values),
        torch.ones_like(values),
        torch.full_like(values, 0.7),
        MASK,
        0.2,
        0.2,
    )

    assert found.ratio == pytest.approx(3.1 / 3)
    assert found.ratio_var == pytest.approx((1.5**2 + 0.5**2 + 1.1**2) / 3 - (3.1 / 3) ** 2)
    assert found.approxkl == pytest.approx((0.09453 + 0.19315 + 0.00469) / 3, abs=1e-5)
    assert found.policy_clipfrac == pytest.approx(2 / 3)
    assert found.value_clipfrac == pytest.approx(1 / 3)
    assert found.entropy == pytest.approx(0.7)
