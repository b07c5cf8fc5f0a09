"""Log-probabilities of texts under an encoder-decoder, one forward pass for each batch."""

import math
from collections.abc import Sequence

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from worker.training.shared.checkpoint import encode
from worker.training.t5.seq2seq_dpo import decoder_start_token_id

BATCH_SIZE = 16


@torch.no_grad()
def token_log_probs(
    model: PreTrainedModel,
    sources: Sequence[list[int]],
    targets: Sequence[list[int]],
    batch_size: int = BATCH_SIZE,
) -> list[list[float]]:
    """Return log p(target token | source, earlier target tokens) in nats, a list for each target.

    `sources` and `targets` are token ids, padded here in batches of `batch_size`. The model's training mode is
    restored.
    """
    device, pad = model.device, model.config.pad_token_id
    start = decoder_start_token_id(model)
    training = model.training
    model.train(False)
    scores: list[list[float]] = []
    for first in range(0, len(sources), batch_size):
        source_rows = [torch.tensor(ids) for ids in sources[first : first + batch_size]]
        target_rows = [torch.tensor(ids) for ids in targets[first : first + batch_size]]
        source = torch.nn.utils.rnn.pad_sequence(source_rows, batch_first=True, padding_value=pad)
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in source_rows], batch_first=True)
        target = torch.nn.utils.rnn.pad_sequence(target_rows, batch_first=True, padding_value=pad)
        decoder_input = torch.cat([torch.full((len(target), 1), start), target[:, :-1]], dim=1)
        logits = model(
            input_ids=source.to(device),
            attention_mask=mask.to(device),
            decoder_input_ids=decoder_input.to(device),
        ).logits
        log_p = logits.float().log_softmax(-1).cpu().gather(-1, target[..., None])[..., 0]
        scores += [row[: len(ids)].tolist() for row, ids in zip(log_p, target_rows, strict=True)]
    model.train(training)
    return scores


def sequence_log_probs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Sequence[str],
    completions: Sequence[str],
    batch_size: int = BATCH_SIZE,
) -> list[float]:
    """Return log p(completion | prompt) of each pair in nats, summed over the completion's tokens and its EOS."""
    sources = [encode(tokenizer, prompt) for prompt in prompts]
    targets = [encode(tokenizer, completion) for completion in completions]
    return [math.fsum(row) for row in token_log_probs(model, sources, targets, batch_size)]


def mean_token_log_prob(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, pairs: Sequence[tuple[str, str]]
) -> float:
    """Return the mean log-probability in nats of a rewrite's token in (source, rewrite) `pairs`, EOS included."""
    sources, targets = ([encode(tokenizer, text) for text in side] for side in zip(*pairs, strict=True))
    tokens = [value for row in token_log_probs(model, sources, targets) for value in row]
    return math.fsum(tokens) / len(tokens)
