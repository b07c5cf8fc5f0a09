"""Learning without forgetting: training on clicks that holds still on sentences nobody clicked on.

Twenty clicks say a great deal about twenty sentences and nothing about the others, yet every step of training moves
the probabilities of all of them. anchored.py therefore adds to the loss of the method, at each step, a penalty on a few
anchors: (sentence, rewrite) pairs of everyday kinds, written for this and trained on by nothing else. The penalty is

    anchor_weight * mean over the anchors' tokens of  KL( p_parent || p_policy )

so it is zero where the policy still says what its parent said, and it asks for nothing new. It is the distillation
term of Learning without Forgetting (Li and Hoiem 2016, eq. 2 and 3, at temperature 1) in the place where InstructGPT
mixes in pretraining data (Ouyang et al. 2022, eq. 2).

The parent's distributions over the anchors are computed once and kept: anchors x tokens x vocabulary floats, 70 MB for
a vocabulary of 8,000 and 300 MB for Flan-T5's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from worker.training.shared.checkpoint import encode
from worker.training.shared.pairs import read_pairs
from worker.training.t5.seq2seq_dpo import decoder_start_token_id, pad_rows
from worker.training.t5.seq2seq_head import has_head

ANCHORS_FILE = Path(__file__).with_name("anchors.tsv")

ANCHORS_PER_STEP = 4

Anchor = tuple[list[int], list[int], Tensor]
"""Source ids, target ids (T), and the parent's log-probabilities at each target position (T, V), in nats."""


def read_anchors(model: Any, tokenizer: PreTrainedTokenizerFast) -> list[Anchor]:
    """Every anchor with the log-probabilities that `model`, an encoder-decoder, gives now; they lie on the CPU."""
    pairs = [(encode(tokenizer, source), encode(tokenizer, rewrite)) for source, rewrite in read_pairs(ANCHORS_FILE)]
    anchors: list[Anchor] = []
    for first in range(0, len(pairs), ANCHORS_PER_STEP):
        batch = pairs[first : first + ANCHORS_PER_STEP]
        with torch.no_grad():
            log_p = _log_probs(model, batch).cpu()
        by_pair = torch.split(log_p, [len(target) for _, target in batch])
        anchors += [(source, target, rows) for (source, target), rows in zip(batch, by_pair, strict=True)]
    return anchors


def divergence_from_parent(model: Any, anchors: Sequence[Anchor]) -> Tensor:
    """KL( p_parent || p_policy ) in nats, the mean over the tokens of `anchors`, with its gradient.

    `model` may be wrapped, and may have the head of seq2seq_head.py, which does it in less time.
    """
    network = getattr(model, "module", model)
    pairs = [(source, target) for source, target, _ in anchors]
    parent = torch.cat([log_p for _, _, log_p in anchors]).to(network.device)
    if not has_head(network):
        policy = _log_probs(model, pairs)
        return (parent.exp() * (parent - policy)).sum(-1).mean()
    divergence: Tensor = model(**_batch(model, pairs), parent_log_p=parent)
    return divergence


def _log_probs(model: Any, pairs: Sequence[tuple[list[int], list[int]]]) -> Tensor:
    """log p(token | source, tokens before it) of every vocabulary entry at each target position: (all T, V)."""
    batch = _batch(model, pairs)
    scored = batch.pop("decoder_attention_mask").bool()
    logits: Tensor = model(**batch).logits
    return logits[scored].float().log_softmax(-1)


def _batch(model: Any, pairs: Sequence[tuple[list[int], list[int]]]) -> dict[str, Tensor]:
    """The sources, what the decoder reads and where each has its tokens, by the names of the model's own forward."""
    network = getattr(model, "module", model)  # what several processes train is wrapped
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
