"""Head and soft maximum as one function have the values and the gradients that autograd gives of the formula."""

import math

import pytest
import torch
from torch import Tensor

from worker.training.t5.token_scores import WORDS_AT_ONCE, divergence_of_states, log_probs_of_states

TOKENS, WIDTH, VOCABULARY = 40, 6, 11  # more tokens than are looked at together
STATISTICS = ("log_probs", "entropy", "mean_logits", "is_top1", "log_sum_sq_probs")


@pytest.fixture
def numbers() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """States, the head's matrix, targets, and what each log-probability counts in the sum that is differentiated."""
    torch.manual_seed(0)
    targets = torch.randint(VOCABULARY, (TOKENS,))
    return torch.randn(TOKENS, WIDTH), torch.randn(VOCABULARY, WIDTH), targets, torch.randn(TOKENS)


@pytest.mark.parametrize("trained_head", [True, False], ids=["trained head", "frozen head"])
def test_log_probs_are_the_formula(numbers: tuple[Tensor, Tensor, Tensor, Tensor], trained_head: bool) -> None:
    states, weight, targets, weighing = numbers
    found = {}
    for name in ("ours", "formula"):
        own_states, own_weight = states.clone().requires_grad_(), weight.clone().requires_grad_(trained_head)
        if name == "ours":
            log_p = log_probs_of_states(own_states, own_weight, targets)["log_probs"]
        else:
            log_p = (own_states @ own_weight.T).log_softmax(-1)[range(TOKENS), targets]
        (log_p * weighing).sum().backward()  # type: ignore[no-untyped-call]
        found[name] = (log_p, own_states.grad, own_weight.grad)

    for ours, formula in zip(found["ours"], found["formula"], strict=True):
        assert (ours is None) == (formula is None)
        if ours is not None and formula is not None:
            assert torch.allclose(ours, formula, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_vocabulary_computed_in_parts_gives_what_the_whole_gives(threads: int) -> None:
    torch.manual_seed(0)
    words = 2 * WORDS_AT_ONCE + 7
    states, weight, targets = torch.randn(TOKENS, WIDTH), torch.randn(words, WIDTH), torch.randint(words, (TOKENS,))
    usual = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        log_p = log_probs_of_states(states, weight, targets)["log_probs"]
    finally:
        torch.set_num_threads(usual)

    assert torch.allclose(log_p, (states @ weight.T).log_softmax(-1)[range(TOKENS), targets], atol=1e-5)


def test_a_token_as_good_as_impossible_still_has_its_log_probability() -> None:
    """Its probability, e^-300, is zero in float32."""
    log_p = log_probs_of_states(torch.tensor([[1.0]]), torch.tensor([[300.0], [0.0]]), torch.tensor([1]))["log_probs"]

    assert log_p.tolist() == [-300]


@pytest.mark.parametrize("trained_head", [True, False], ids=["trained head", "frozen head"])
def test_a_token_as_good_as_certain_keeps_its_small_gradient_in_bfloat16(trained_head: bool) -> None:
    """Its probability, 0.99909, is 1 in bfloat16."""
    states, weight = torch.tensor([[1.0]], requires_grad=True), torch.tensor([[7.0], [0.0]], requires_grad=trained_head)
    with torch.autocast("cpu", torch.bfloat16):
        log_probs_of_states(states, weight, torch.tensor([0]))["log_probs"].sum().backward()  # type: ignore[no-untyped-call]

    other = 1 / (1 + math.exp(7))
    assert states.grad is not None
    assert float(states.grad) == pytest.approx(7 * other, rel=0.02)
    if trained_head:
        assert weight.grad is not None
        assert weight.grad[:, 0].tolist() == pytest.approx([other, -other], rel=0.02)


def test_a_frozen_head_keeps_no_matrix_of_tokens_and_vocabulary(
    numbers: tuple[Tensor, Tensor, Tensor, Tensor],
) -> None:
    states, weight, targets, _ = numbers
    kept: list[tuple[int, ...]] = []

    def keep(saved: Tensor) -> Tensor:
        kept.append(tuple(saved.shape))
        return saved

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved):
        log_probs_of_states(states.requires_grad_(), weight, targets)

    assert kept == [(TOKENS, WIDTH)]


def test_statistics_are_the_formulas(numbers: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    states, weight, targets, _ = numbers
    found = log_probs_of_states(states, weight, targets, STATISTICS)

    scores = states @ weight.T
    p = scores.softmax(-1)
    assert set(found) == set(STATISTICS)
    assert torch.allclose(found["entropy"], -(p * p.log()).sum(-1), atol=1e-5)
    assert torch.allclose(found["mean_logits"], scores.mean(-1), atol=1e-5)
    assert found["is_top1"].tolist() == (scores.argmax(-1) == targets).tolist()
    assert torch.allclose(found["log_sum_sq_probs"], p.square().sum(-1).log(), atol=1e-5)


@pytest.mark.parametrize("trained_head", [True, False], ids=["trained head", "frozen head"])
def test_the_divergence_is_the_formula(numbers: tuple[Tensor, Tensor, Tensor, Tensor], trained_head: bool) -> None:
    states, weight, _, _ = numbers
    parent = torch.randn(TOKENS, VOCABULARY).log_softmax(-1)
    found = {}
    for name in ("ours", "formula"):
        own_states, own_weight = states.clone().requires_grad_(), weight.clone().requires_grad_(trained_head)
        if name == "ours":
            divergence = divergence_of_states(own_states, own_weight, parent)
        else:
            log_p = (own_states @ own_weight.T).log_softmax(-1)
            divergence = torch.nn.functional.kl_div(log_p, parent, reduction="batchmean", log_target=True)
        (7 * divergence).backward()  # type: ignore[no-untyped-call]
        found[name] = (divergence, own_states.grad, own_weight.grad)

    for ours, formula in zip(found["ours"], found["formula"], strict=True):
        assert (ours is None) == (formula is None)
        if ours is not None and formula is not None:
            assert torch.allclose(ours, formula, atol=1e-5)
