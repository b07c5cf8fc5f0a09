"""A layer with its adapter as one function gives what PEFT gives."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from worker.training.t5 import adapted_linear
from worker.training.t5.adapted_linear import project


def adapted(dropout: float = 0.0, bias: bool = False) -> Any:
    """A layer of 5 inputs and 4 outputs with an adapter of rank 2 that does something."""
    torch.manual_seed(0)
    network: Any = get_peft_model(
        nn.Sequential(nn.Linear(5, 4, bias=bias)),
        LoraConfig(r=2, lora_alpha=6, lora_dropout=dropout, target_modules=["0"]),
    )
    layer = network.base_model.model[0]
    nn.init.normal_(layer.lora_B["default"].weight)
    return layer


def test_value_and_gradients_are_pefts() -> None:
    layer = adapted()
    states, weighing = torch.randn(7, 5), torch.randn(7, 4)
    found: list[list[Tensor | None]] = []
    for way in (project, lambda layer, states: layer(states)):
        layer.zero_grad()
        own = states.clone().requires_grad_()
        values = way(layer, own)
        (values * weighing).sum().backward()
        adapter = (layer.lora_A["default"].weight.grad, layer.lora_B["default"].weight.grad)
        found.append([values, own.grad, *(None if grad is None else grad.clone() for grad in adapter)])

    for ours, pefts in zip(*found, strict=True):
        assert ours is not None
        assert pefts is not None
        assert torch.allclose(ours, pefts, atol=1e-5)


@pytest.mark.parametrize("kind", ["dropout", "bias", "disabled", "merged", "plain"])
def test_a_layer_that_does_more_or_less_is_called_itself(kind: str) -> None:
    layer = adapted(dropout=0.5 if kind == "dropout" else 0.0, bias=kind == "bias")
    if kind == "disabled":
        layer.enable_adapters(False)
    if kind == "merged":
        layer.merge()
    layer = layer.base_layer if kind == "plain" else layer.eval()

    assert adapted_linear._only_plain_adapter(layer) is None
    states = torch.randn(7, 5)
    assert torch.equal(project(layer, states), layer(states))
