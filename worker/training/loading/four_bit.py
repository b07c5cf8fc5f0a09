"""A workaround that keeps 4-bit weights on a CPU trainable.

Where the CPU has AVX512-BF16, a layer of bitsandbytes that runs in evaluation mode permanently reorders its weights for
a fast kernel (`Linear4bit.forward`, bitsandbytes 0.50). Autograd does not know that kernel: from then on no gradient
passes through the layer, and an adapter below it silently stays untrained. It also rounds the weights' scales to
bfloat16, so that the reference model would change with the first evaluation.
"""

from torch import nn

_SWITCH = "support_avx512bf16_for_cpu"


def keep_trainable(model: nn.Module) -> None:
    """Disable the reordering in every 4-bit layer of `model`."""
    for module in model.modules():
        if getattr(module, _SWITCH, False):
            setattr(module, _SWITCH, False)
