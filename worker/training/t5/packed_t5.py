"""Decoder states of a T5 at the scored tokens, computed without padding and without repeated work.

The model's own forward computes every column of every row, padding included, and needs the encoder's states once for
each row of the decoder. Here all tokens are packed one after another (T, d) for norms, feed-forward layers and
projections; only the attention itself, which is cheap for sentences, sees padded rows. Keys and values of a prompt are
projected once however many completions it has. The layers' own modules do the projections, so LoRA or 4-bit weights
take part. Outputs and gradients equal those of the model's own forward at these tokens;
tests/worker/training/t5/test_packed_t5.py compares both.

Not covered, and left to the model's own forward: dropout, gradient checkpointing, float16 (which T5 clamps), and
parameters that are gathered one block at a time (FSDP, DeepSpeed).
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from torch import Tensor, nn
from transformers import MT5ForConditionalGeneration, PreTrainedModel, T5ForConditionalGeneration

from worker.training.t5.adapted_linear import project
from worker.training.t5.tied_table import look_up, uses_of

T5_KINDS = (T5ForConditionalGeneration, MT5ForConditionalGeneration)


def can_be_packed(model: PreTrainedModel, switches: Iterable[nn.Module] | None = None) -> bool:
    """Return True if `scored_states` computes what `model` would; see above for what is not covered.

    `switches` are the modules that `switches_of` found, so that a check at every step need not visit all modules.
    """
    if type(model) not in T5_KINDS or model.dtype == torch.float16 or _gathers_blocks():
        return False
    for module in switches_of(model) if switches is None else switches:
        drops = module.p if isinstance(module, nn.Dropout) else getattr(module, "dropout", 0.0)
        if getattr(module, "gradient_checkpointing", False) or (isinstance(drops, float) and drops):
            return False
    return True


def switches_of(model: nn.Module) -> list[nn.Module]:
    """Return the modules of `model` that can have dropout or gradient checkpointing switched on."""
    return [
        module
        for module in model.modules()
        if isinstance(module, nn.Dropout) or hasattr(module, "dropout") or hasattr(module, "gradient_checkpointing")
    ]


def _gathers_blocks() -> bool:
    """Return True if a layer's parameters exist only while its block is called."""
    # Calling AcceleratorState() would create it; read its shared state first.
    return bool(AcceleratorState._shared_state) and AcceleratorState().distributed_type in (
        DistributedType.FSDP,
        DistributedType.DEEPSPEED,
        DistributedType.MEGATRON_LM,
    )


class Rows:
    """The positions of the tokens of padded rows in packed order, from a mask (rows, columns)."""

    def __init__(self, mask: Tensor) -> None:
        self.rows, self.columns = mask.shape
        self.mask = mask
        self.places = None if bool(mask.all()) else mask.flatten().nonzero()[:, 0]

    def pack(self, values: Tensor) -> Tensor:
        """Pack (rows, columns, …) to (T, …)."""
        flat = values.flatten(0, 1)
        return flat if self.places is None else flat.index_select(0, self.places)

    def to_heads(self, tokens: Tensor, heads: int) -> Tensor:
        """Unpack (T, heads * k) to (rows, heads, columns, k), with zeros at padding."""
        if self.places is not None:
            empty = tokens.new_zeros(self.rows * self.columns, tokens.shape[-1])
            tokens = empty.index_copy(0, self.places, tokens)
        return tokens.view(self.rows, self.columns, heads, -1).transpose(1, 2)

    def from_heads(self, attended: Tensor) -> Tensor:
        """Pack (rows, heads, columns, k) to (T, heads * k)."""
        return self.pack(attended.transpose(1, 2).reshape(self.rows, self.columns, -1))

    def padding_mask(self) -> Tensor | None:
        """Return the attention bias that masks padding, (rows, 1, 1, columns); None without padding."""
        if self.places is None:
            return None
        return torch.zeros(self.mask.shape, device=self.mask.device).masked_fill(~self.mask, MASKED)[:, None, None]


MASKED = torch.finfo(torch.bfloat16).min
"""An attention score that softmax turns to zero in every number format."""


def scored_states(
    model: Any, prompts: Tensor, prompt_mask: Tensor, prompt_of_row: Tensor, inputs: Tensor, scored: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the output head's inputs at each scored token, (T, d), row by row, and the head's matrix (V, d).

    `prompts` and `prompt_mask` are (P, L): ids padded on the right, and where they are tokens. `inputs` (R, C) are the
    decoder's input ids, `prompt_of_row` (R) is the prompt of each row, and `scored` (R, C) is true for the scored
    tokens, which are the first ones of each row.
    """
    source, target = Rows(prompt_mask.bool()), Rows(scored)
    matrix, (embed_prompts, embed_inputs) = _matrix_and_lookups(model)
    encoded = _encode(model.encoder, embed_prompts(source.pack(prompts)), source)
    states = _decode(model.decoder, embed_inputs(target.pack(inputs)), target, encoded, source, prompt_of_row)
    return (states * model.model_dim**-0.5 if scales_head_input(model) else states), matrix


def scales_head_input(model: PreTrainedModel) -> bool:
    """Return True for a T5 v1.0, which shares one matrix between embeddings and head and scales the head's input.

    T5 v1.1 and mT5 do neither; mT5's configuration does not even speak of it.
    """
    return isinstance(model, T5ForConditionalGeneration) and bool(model.config.scale_decoder_outputs)


def _matrix_and_lookups(model: Any) -> tuple[Tensor, list[Callable[[Tensor], Tensor]]]:
    """Return the head's matrix, and the functions that embed ids, (T) → (T, d), for the encoder and for the decoder."""
    head = model.get_output_embeddings().weight
    tables = [stack.embed_tokens for stack in (model.encoder, model.decoder)]
    if not (head.requires_grad and all(_is_plain(table) and table.weight is head for table in tables)):
        return head, tables
    matrix, *uses = uses_of(head, len(tables))
    return matrix, [partial(look_up, table=use) for use in uses]


def _is_plain(table: Any) -> bool:
    return type(table) is nn.Embedding and table.padding_idx is None and table.max_norm is None


def _encode(stack: Any, states: Tensor, rows: Rows) -> Tensor:
    bias = _position_bias(stack, rows)
    padding_bias = rows.padding_mask()
    if padding_bias is not None:
        bias = bias + padding_bias
    for block in stack.block:
        states = _self_attention(block.layer[0], states, rows, bias)
        states = _feed_forward(block.layer[1], states)
    return _norm(stack.final_layer_norm, states)


def _decode(stack: Any, states: Tensor, rows: Rows, encoded: Tensor, source: Rows, prompt_of_row: Tensor) -> Tensor:
    later = torch.ones(rows.columns, rows.columns, dtype=torch.bool, device=states.device).triu(1)
    # Padding comes last in a row, so the causal mask hides it too.
    bias = _position_bias(stack, rows).masked_fill(later, MASKED)
    padding_bias = source.padding_mask()
    if padding_bias is not None:
        padding_bias = padding_bias.index_select(0, prompt_of_row)
    for block in stack.block:
        states = _self_attention(block.layer[0], states, rows, bias)
        states = _cross_attention(block.layer[1], states, rows, encoded, source, prompt_of_row, padding_bias)
        states = _feed_forward(block.layer[2], states)
    return _norm(stack.final_layer_norm, states)


def _position_bias(stack: Any, rows: Rows) -> Tensor:
    """Return the relative position bias, (1, heads, columns, columns), which every layer of the stack shares."""
    bias: Tensor = (
        stack.block[0].layer[0].SelfAttention.compute_bias(rows.columns, rows.columns, device=rows.mask.device)
    )
    return bias


def _self_attention(layer: Any, states: Tensor, rows: Rows, bias: Tensor) -> Tensor:
    attention = layer.SelfAttention
    normed = _norm(layer.layer_norm, states)
    query, key, value = (
        rows.to_heads(project(part, normed), attention.n_heads) for part in (attention.q, attention.k, attention.v)
    )
    return states + project(attention.o, rows.from_heads(_attend(query, key, value, bias)))


def _cross_attention(
    layer: Any,
    states: Tensor,
    rows: Rows,
    encoded: Tensor,
    source: Rows,
    prompt_of_row: Tensor,
    padding_bias: Tensor | None,
) -> Tensor:
    attention = layer.EncDecAttention
    query = rows.to_heads(project(attention.q, _norm(layer.layer_norm, states)), attention.n_heads)
    key, value = (
        source.to_heads(project(part, encoded), attention.n_heads).index_select(0, prompt_of_row)
        for part in (attention.k, attention.v)
    )
    return states + project(attention.o, rows.from_heads(_attend(query, key, value, padding_bias)))


def _feed_forward(layer: Any, states: Tensor) -> Tensor:
    network, normed = layer.DenseReluDense, _norm(layer.layer_norm, states)
    if hasattr(network, "wi_0"):  # gated, as in v1.1
        wide = network.act(project(network.wi_0, normed)) * project(network.wi_1, normed)
    else:
        wide = network.act(project(network.wi, normed))
    return states + project(network.wo, wide)


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """Compute attention of (rows, heads, columns, k) with `bias` added to the scores; T5 does not scale them."""
    scores = query @ key.transpose(2, 3)
    if bias is not None:
        scores = scores + bias
    return scores.softmax(-1).to(value.dtype) @ value


def _norm(layer: Any, states: Tensor) -> Tensor:
    normed: Tensor = _RootMeanSquare.apply(states, layer.weight, layer.variance_epsilon)  # type: ignore[no-untyped-call]
    return normed


class _RootMeanSquare(torch.autograd.Function):
    """T5's layer norm, x w / sqrt(mean(x^2) + eps), in half as many steps as autograd would take.

    With r = 1 / sqrt(mean(x^2) + eps) and d columns: dx = r (g w) - x r^3 sum(g w x) / d, dw = sum over rows of g x r.
    """

    @staticmethod
    def forward(context: Any, states: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        """Normalize (T, d)."""
        wide = states.float()
        root = torch.rsqrt(wide.square().mean(-1, keepdim=True).add_(epsilon))
        context.save_for_backward(wide, weight, root)
        context.format = states.dtype
        return (wide * root).mul_(weight).to(states.dtype)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Return the gradients of the states and of the weights."""
        states, weight, root = context.saved_tensors
        gradient = gradients[0].float()
        by_weight = (gradient * states).mul_(root).sum(0).to(weight.dtype) if context.needs_input_grad[1] else None
        weighted = gradient * weight
        share = (weighted * states).sum(-1, keepdim=True).mul_(root.pow(3)).div_(states.shape[-1])
        by_states = weighted.mul_(root).addcmul_(states, share, value=-1)
        return by_states.to(context.format), by_weight, None
