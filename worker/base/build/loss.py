"""Cross entropy over the vocabulary without holding all logits in memory.

For a model this narrow, a softmax over 8,192 pieces costs more than all layers together if it is computed for a whole
batch at once: the logits do not fit the cache. Here rows are processed in chunks that do, and the gradient is formed in
the same pass (softmax minus one-hot), so the logits are computed once and dropped.
"""

from typing import Any

import torch
from torch import Tensor

_ROWS = 256  # 8 MB of float32 logits, which fit the cache of a processor
_ROWS_ON_GPU = 16384


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, hidden: Tensor, weight: Tensor, targets: Tensor, products: torch.dtype) -> Tensor:
        total = hidden.new_zeros((), dtype=torch.float32)
        narrow_weight = weight.to(products)
        hidden_gradient = torch.empty_like(hidden, dtype=torch.float32)
        weight_gradient = torch.zeros_like(weight, dtype=torch.float32)
        count = len(targets)
        height = _ROWS if hidden.device.type == "cpu" else _ROWS_ON_GPU
        for start in range(0, count, height):
            rows, wanted = hidden[start : start + height].to(products), targets[start : start + height, None]
            logits = (rows @ narrow_weight.T).float()
            normaliser = logits.logsumexp(-1, keepdim=True)
            total += (normaliser - logits.gather(-1, wanted)).sum()
            residual = logits.sub_(normaliser).exp_()
            residual.scatter_add_(-1, wanted, residual.new_full((len(wanted), 1), -1.0))
            narrow_residual = residual.to(products)
            hidden_gradient[start : start + height] = narrow_residual @ narrow_weight
            weight_gradient += narrow_residual.T @ rows
        context.save_for_backward(hidden_gradient / count, weight_gradient / count)
        return total / count

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        hidden_gradient, weight_gradient = context.saved_tensors
        return hidden_gradient * gradients[0], weight_gradient * gradients[0], None, None


def cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor, products: torch.dtype = torch.bfloat16) -> Tensor:
    """Return the mean −log softmax(hidden · weightᵀ)[target], in nats.

    `hidden` is rows × width, `weight` vocabulary × width, `targets` one piece a row. Products are in the given
    precision and sums in float32, as under autocast.
    """
    loss: Tensor = _ChunkedCrossEntropy.apply(hidden, weight, targets, products)  # type: ignore[no-untyped-call]
    return loss
