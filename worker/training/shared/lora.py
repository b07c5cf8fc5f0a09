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

    For a T5 these are q, k, v, o and wi, wo (v1.1: wi_0, wi_1, wo). GPT-2's are of a class of their own.
    """
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear | Conv1D) and module is not head
        }
        - _HEADS
    )


def shared_with(model: nn.Module, layer: str) -> list[str]:
    """Return the names of the other layers that use the weights of `layer`, as tied embeddings and heads do.

    An adapter acts on its layer alone, but merging adds it to the layer's weights, and so to those of all that share
    them: what is saved would be another model than what was trained.
    """
    weights = {
        name: module.weight
        for name, module in model.named_modules(remove_duplicate=False)
        if isinstance(module, _ADAPTABLE)
    }
    return [name for name, weight in weights.items() if name != layer and weight is weights.get(layer)]


def _reason_against(model: PreTrainedModel, target: str) -> str:
    """Return why no adapter can be on `target`, or "" if one can be."""
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    layers = {
        name: module
        for name, module in model.named_modules(remove_duplicate=False)
        if isinstance(module, _ADAPTABLE) and _has_name(target, name)
    }
    for name, module in layers.items():
        others = shared_with(model, name)
        if others:
            return f"{name} shares its weights with {', '.join(others)}, so that no adapter can be on it alone"
        if module is head:  # TRL computes log-probabilities from its weights, past any adapter on it
            return f"{name} is the output head, and an adapter on it would not be trained"
    return "" if layers else f"the model has no layer {target}"


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

    Raises `RecipeError` for a target that the model does not have, or that no adapter can be on.
    """
    for target in target_modules:
        reason = _reason_against(model, target)
        if reason:
            layers = ", ".join(linear_layers(model))
            raise RecipeError(f"lora_target_modules: {reason}; its linear layers are {layers}.")
    return LoraConfig(
        task_type=task_type,
        r=r,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=list(target_modules) or linear_layers(model),
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )
