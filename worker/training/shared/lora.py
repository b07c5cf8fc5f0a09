"""The LoRA adapter (Hu et al. 2021) of every recipe."""

from collections.abc import Sequence

from peft import LoraConfig
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from models.model_errors import RecipeError

_HEADS = {"classifier", "score", "pre_classifier"}
"""Names of the layers in classifiers' heads, which are new and therefore trained in full."""


_ADAPTABLE = (nn.Linear, nn.Embedding, Conv1D)


def _has_name(target: str, name: str) -> bool:
    return name == target or name.endswith(f".{target}")


def linear_layers(model: PreTrainedModel) -> list[str]:
    """Return the last part of the names of the linear layers, without the output head, which TRL refuses.

    For a T5 these are q, k, v, o and wi, wo (v1.1: wi_0, wi_1, wo).
    """
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear) and module is not head
        }
        - _HEADS
    )


def lora_config(
    model: PreTrainedModel,
    r: int,
    alpha: int,
    dropout: float,
    *,
    task_type: str = "SEQ_2_SEQ_LM",
    target_modules: Sequence[str] = (),
) -> LoraConfig:
    """Return an adapter of rank `r`, scaled by `alpha` / `r`, on `target_modules` or every linear layer but the head.

    Raises `RecipeError` for a target that the model does not have.
    """
    for target in target_modules:
        if not any(_has_name(target, name) for name, module in model.named_modules() if isinstance(module, _ADAPTABLE)):
            layers = ", ".join(linear_layers(model))
            raise RecipeError(f"lora_target_modules: the model has no layer {target}; its linear ones are {layers}.")
    return LoraConfig(
        task_type=task_type,
        r=r,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=list(target_modules) or linear_layers(model),
    )
