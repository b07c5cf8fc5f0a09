"""A linear layer and its LoRA adapter (Hu et al. 2021) as one autograd function.

    y = x W^T + s (x A^T) B^T        dx = dy W + s (dy B) A        dA = s (dy B)^T x        dB = s dy^T (x A^T)

PEFT computes the same, but allocates the adapter's wide products, their scaled copies and the sums one after another;
here the adapter's product is added to the layer's in place, forward and backward.
"""

from typing import Any

import torch
from peft.tuners.lora import Linear as AdaptedLinear
from torch import Tensor, nn


def project(layer: Any, states: Tensor) -> Tensor:
    """Compute `layer`(`states`), (T, in) → (T, out), fused as above for a frozen layer with one plain adapter."""
    name = _only_plain_adapter(layer)
    if name is None or torch.is_autocast_enabled(states.device.type):
        output: Tensor = layer(states)
        return output
    adapted: Tensor = _AdaptedLinear.apply(  # type: ignore[no-untyped-call]
        states,
        layer.base_layer.weight,
        layer.lora_A[name].weight,
        layer.lora_B[name].weight,
        float(layer.scaling[name]),
    )
    return adapted


def _only_plain_adapter(layer: Any) -> str | None:
    """Return the name of the layer's only adapter; None for none, several, or one that `project` cannot fuse."""
    if type(layer) is not AdaptedLinear or layer.disable_adapters or layer.merged or len(layer.active_adapters) != 1:
        return None
    name: str = layer.active_adapters[0]
    base = layer.base_layer
    plain = type(base) is nn.Linear and base.bias is None and not base.weight.requires_grad
    if not plain or name not in layer.lora_A or name in layer.lora_variant or layer.lora_bias[name]:
        return None
    same_format = base.weight.dtype == layer.lora_A[name].weight.dtype
    return name if same_format and isinstance(layer.lora_dropout[name], nn.Identity) else None


class _AdaptedLinear(torch.autograd.Function):
    """The autograd function above; the layer's own weight is frozen."""

    @staticmethod
    def forward(context: Any, states: Tensor, weight: Tensor, down: Tensor, up: Tensor, scale: float) -> Tensor:
        """Return (T, out) from `states` (T, in), `weight` (out, in), `down` (r, in) and `up` (out, r)."""
        narrow = states @ down.T
        context.save_for_backward(states, weight, down, up, narrow)
        context.scale = scale
        return (states @ weight.T).addmm_(narrow, up.T, alpha=scale)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, None, Tensor, Tensor, None]:
        """Return the gradients of the states and of both adapter matrices."""
        states, weight, down, up, narrow = context.saved_tensors
        gradient, scale = gradients[0], context.scale
        by_narrow = (gradient @ up).mul_(scale)
        by_states = (gradient @ weight).addmm_(by_narrow, down) if context.needs_input_grad[0] else None
        # The wide matrix comes second: the other order takes up to twice the time.
        by_up = (narrow.T @ gradient).mul_(scale).T
        return by_states, None, by_narrow.T @ states, by_up, None
