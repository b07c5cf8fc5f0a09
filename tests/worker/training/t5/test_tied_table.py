"""A table that is embeddings and head too gets one gradient, that of the plain computation."""

import pytest
import torch
from torch import Tensor

from worker.training.t5.tied_table import look_up, uses_of

WORDS, WIDTH = 7, 3
FIRST, SECOND = torch.tensor([1, 4, 1]), torch.tensor([4, 6])


def loss(head: Tensor, first: Tensor, second: Tensor, used: tuple[str, ...]) -> Tensor:
    """Something that the head's matrix and the rows of both look-ups go into, as far as they are used."""
    weighing = torch.arange(1.0, 1 + WORDS * WIDTH).view(WORDS, WIDTH)
    parts = {
        "head": (head * weighing).square().sum(),
        "first": (first * weighing[:3]).square().sum(),
        "second": (second * weighing[:2]).sum(),
    }
    return torch.stack([parts[name] for name in used]).sum()


@pytest.mark.parametrize(
    "used",
    [("head", "first", "second"), ("first", "second"), ("head",), ("second",)],
    ids=lambda used: " and ".join(used),
)
def test_the_gradient_is_that_of_plain_look_ups(used: tuple[str, ...]) -> None:
    table = torch.randn(WORDS, WIDTH, generator=torch.Generator().manual_seed(0))
    plain, tied = table.clone().requires_grad_(), table.clone().requires_grad_()
    head, one, other = uses_of(tied, 2)

    loss(plain, plain[FIRST], plain[SECOND], used).backward()  # type: ignore[no-untyped-call]
    loss(head, look_up(FIRST, one), look_up(SECOND, other), used).backward()  # type: ignore[no-untyped-call]

    assert plain.grad is not None
    assert tied.grad is not None
    assert tied.grad.layout == torch.strided
    assert torch.allclose(tied.grad, plain.grad)


def test_gradients_of_several_batches_add_up() -> None:
    table = torch.ones(WORDS, WIDTH, requires_grad=True)
    for _ in range(2):
        head, one = uses_of(table, 1)
        (head.sum() + look_up(FIRST, one).sum()).backward()  # type: ignore[no-untyped-call]

    assert table.grad is not None
    assert table.grad[:, 0].tolist() == [2, 6, 2, 2, 4, 2, 2]
