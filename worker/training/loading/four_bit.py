"""Weights of 4 bits on a CPU, kept fit for training.

Where the CPU has AVX512-BF16, a layer of bitsandbytes that is run in evaluation mode reorders its weights for a fast
kernel, for good (`Linear4bit.forward`, bitsandbytes 0.50). That kernel is unknown to autograd: from then on no gradient
passes through the layer, and an adapter below it stands still without a word. It also rounds the weights' scales to
bfloat16, so that the reference model would no longer be what it was before the first evaluation.
"""

from torch import nn

_SWITCH = "support_avx512bf16_for_cpu"


def keep_trainable(model: nn.Module) -> None:
    """Make every 4-bit layer of `model` keep its weights as they are, whatever mode it runs in."""
    for module in model.modules():
        if getattr(module, _SWITCH, False):
            setattr(module, _SWITCH, False)
