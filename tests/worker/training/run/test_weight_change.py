"""A tensor that was to be trained and stands still is found, whatever the loss said."""

import pytest
import torch
from torch import nn

from worker.training.run.weight_change import check_moved, fingerprint
from worker.training.shared.training_errors import Diverged, NotLearning


def two_layers() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))


def move(model: nn.Module, *names: str) -> None:
    """Add one to the weights of those names."""
    with torch.no_grad():
        for name in names:
            model.get_parameter(name).add_(1)


def test_a_model_that_moved_everywhere_passes() -> None:
    model = two_layers()
    before = fingerprint(model)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1e-6)

    check_moved(model, before, 3, 1e-3)


def test_a_tensor_that_stands_still_is_named() -> None:
    model = two_layers()
    before = fingerprint(model)
    move(model, "0.weight", "0.bias", "1.bias")

    with pytest.raises(NotLearning, match=r"^1 of 4 trained weights did not move in 3 steps .* 1\.weight among them"):
        check_moved(model, before, 3, 1e-3)


def test_what_is_frozen_may_stand_still() -> None:
    model = two_layers()
    model[1].requires_grad_(False)
    before = fingerprint(model)
    move(model, "0.weight", "0.bias")

    check_moved(model, before, 1, 1e-3)


def test_weights_that_are_no_numbers_are_refused() -> None:
    model = two_layers()
    before = fingerprint(model)
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(float("nan"))

    with pytest.raises(Diverged, match=r"^Training left weights that are no numbers: lower learning_rate\.$"):
        check_moved(model, before, 3, 1e-3)


def test_after_one_step_the_first_matrix_of_an_adapter_may_stand_still() -> None:
    model = nn.ModuleDict({"lora_A": nn.Linear(2, 2, bias=False), "lora_B": nn.Linear(2, 2, bias=False)})
    before = fingerprint(model)
    move(model, "lora_B.weight")

    check_moved(model, before, 1, 1e-3)
    with pytest.raises(NotLearning, match="lora_A"):
        check_moved(model, before, 2, 1e-3)


def test_numbers_of_sixteen_bits_have_a_fingerprint_too() -> None:
    model = two_layers().to(torch.bfloat16)
    before = fingerprint(model)
    move(model, "0.bias")

    assert {name for name, value in fingerprint(model).items() if before[name] != value} == {"0.bias"}


def test_a_first_matrix_may_stand_still_while_only_one_step_had_a_rate() -> None:
    model = nn.ModuleDict({"lora_A": nn.Linear(2, 2, bias=False), "lora_B": nn.Linear(2, 2, bias=False)})
    before = fingerprint(model)
    move(model, "lora_B.weight")

    check_moved(model, before, 2, 1e-3, warmup_steps=0.1)
    with pytest.raises(NotLearning, match=r"lora_A\.weight among them"):
        check_moved(model, before, 3, 1e-3, warmup_steps=0.1)


def test_a_model_that_moved_nowhere_is_refused_with_the_rate_and_the_warm_up() -> None:
    model = two_layers()

    with pytest.raises(
        NotLearning, match=r"^No weight moved in 4 steps with learning_rate 0\.001 and warmup_steps 2\.$"
    ):
        check_moved(model, fingerprint(model), 4, 1e-3, warmup_steps=2)


def test_plain_gradient_descent_may_leave_some_tensors_where_they_were_but_not_all() -> None:
    """Its steps are as small as the gradients, and that of attention's key bias is nothing but rounding."""
    model = two_layers()
    before = fingerprint(model)
    with pytest.raises(NotLearning, match="No weight moved"):
        check_moved(model, before, 4, 1e-3, optim="sgd")
    move(model, "0.weight", "1.weight")

    check_moved(model, before, 4, 1e-3, optim="sgd")
