"""Anchors: text pairs on which training on clicks must not change the model's predictions.

Twenty clicks cover twenty sentences, yet every step of training moves the probabilities of all others. anchored.py
therefore adds a penalty to the method's loss at each step, computed on a few anchors: (sentence, rewrite) pairs of
everyday kinds that are used for nothing else. The penalty is

    anchor_weight * mean over the anchors' tokens of  KL( p_parent || p_policy )

It is zero where the policy still predicts what its parent does. This is the distillation term of Learning without
Forgetting (Li and Hoiem 2016, eq. 2 and 3, at temperature 1), used where InstructGPT mixes in pretraining data (Ouyang
et al. 2022, eq. 2).

The parent's distributions over the anchors are computed once and kept: anchors x tokens x vocabulary floats, 70 MB for
a vocabulary of 8,000 and 300 MB for Flan-T5's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from models.texts.heldout import read_pairs
from worker.training.shared.checkpoint import encode
from worker.training.t5.packed_scores import Anchors, one_text_each
from worker.training.t5.seq2seq_dpo import decoder_start_token_id, pad_rows
from worker.training.t5.seq2seq_head import has_head, head_of

ANCHORS_FILE = Path(__file__).with_name("anchors.tsv")

ANCHORS_PER_STEP = 4
READ_AT_ONCE = 16

Anchor = tuple[list[int], list[int], Tensor]
"""Source ids, target ids (T), and the parent's log-probabilities at each target position (T, V), in nats."""


def read_anchors(model: Any, tokenizer: PreTrainedTokenizerFast) -> list[Anchor]:
    """Return every anchor with the log-probabilities that `model`, an encoder-decoder, gives now, on the CPU."""
    pairs = [(encode(tokenizer, source), encode(tokenizer, rewrite)) for source, rewrite in read_pairs(ANCHORS_FILE)]
    anchors: list[Anchor] = []
    for first in range(0, len(pairs), READ_AT_ONCE):
        batch = pairs[first : first + READ_AT_ONCE]
        with torch.no_grad():
            log_p = _log_probs(model, batch).cpu()
        by_pair = torch.split(log_p, [len(target) for _, target in batch])
        anchors += [(source, target, rows) for (source, target), rows in zip(batch, by_pair, strict=True)]
    return anchors


def beside_next_batch(model: Any, anchors: Sequence[Anchor], weight: float) -> Anchors | None:
    """Have `model` score `anchors` beside its next batch; return None if it cannot do that."""
    network = getattr(model, "module", model)
    if not has_head(network) or not head_of(network).can_be_packed():
        return None
    rows = one_text_each(_batch(network, [(source, target) for source, target, _ in anchors]))
    head_of(network).anchors = found = Anchors(rows, _parent(network, anchors), weight)
    return found


def divergence_from_parent(model: Any, anchors: Sequence[Anchor]) -> Tensor:
    """Return KL( p_parent || p_policy ) in nats, averaged over the tokens of `anchors`, with its gradient.

    `model` may be wrapped; with the head of seq2seq_head.py the computation is faster.
    """
    network = getattr(model, "module", model)
    pairs = [(source, target) for source, target, _ in anchors]
    parent = _parent(network, anchors)
    if not has_head(network):
        policy = _log_probs(model, pairs)
        return (parent.exp() * (parent - policy)).sum(-1).mean()
    divergence: Tensor = model(**_batch(model, pairs), parent_log_p=parent)
    return divergence


def _parent(network: Any, anchors: Sequence[Anchor]) -> Tensor:
    """Return the parent's log-probabilities at all target positions of the anchors, (all T, V)."""
    return torch.cat([log_p for _, _, log_p in anchors]).to(network.device)


def _log_probs(model: Any, pairs: Sequence[tuple[list[int], list[int]]]) -> Tensor:
    """Return log p(token | source, earlier tokens) for the whole vocabulary at each target position: (all T, V)."""
    batch = _batch(model, pairs)
    network = getattr(model, "module", model)
    if has_head(network) and head_of(network).can_be_packed():
        return head_of(network).distributions(one_text_each(batch))
    scored = batch.pop("decoder_attention_mask").bool()
    logits: Tensor = model(**batch).logits
    return logits[scored].float().log_softmax(-1)


def _batch(model: Any, pairs: Sequence[tuple[list[int], list[int]]]) -> dict[str, Tensor]:
    """Pad the pairs to a batch with the argument names of the model's forward."""
    network = getattr(model, "module", model)  # training on several processes wraps the model
    pad, start = int(network.config.pad_token_id), decoder_start_token_id(network)
    sources, source_mask = pad_rows([source for source, _ in pairs], pad)
    inputs, target_mask = pad_rows([[start, *target[:-1]] for _, target in pairs], pad)
    batch = {
        "input_ids": sources,
        "attention_mask": source_mask,
        "decoder_input_ids": inputs,
        "decoder_attention_mask": target_mask,
    }
    return {name: values.to(network.device) for name, values in batch.items()}
