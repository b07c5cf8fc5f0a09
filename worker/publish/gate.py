"""How good a version is: what it prefers, what it still can do, and whether it may serve."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from worker.training.sft.pairs import read_pairs
from worker.training.shared.checkpoint import encode, load_model, load_tokenizer
from worker.training.shared.examples import PreferenceExample
from worker.training.t5.seq2seq_dpo import decoder_start_token_id

HELDOUT_FILE = Path(__file__).with_name("heldout.tsv")
MAX_HELDOUT_DROP = 0.02
"""The share of its parent's held-out quality that a new version may lose."""

BATCH_SIZE = 16
ACCURACY_BATCH_SIZE = 32


@torch.no_grad()
def token_log_probs(
    model: PreTrainedModel,
    sources: Sequence[list[int]],
    targets: Sequence[list[int]],
    batch_size: int = BATCH_SIZE,
) -> list[list[float]]:
    """log p(target token | source, target tokens before it), in nats: a list for each target, as long as the target.

    `sources` and `targets` are token ids, padded here in batches of `batch_size`. The model is left as it was.
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
    """log p(completion | prompt) of each pair, in nats, summed over the completion's tokens and its EOS."""
    sources = [encode(tokenizer, prompt) for prompt in prompts]
    targets = [encode(tokenizer, completion) for completion in completions]
    return [math.fsum(row) for row in token_log_probs(model, sources, targets, batch_size)]


def mean_token_log_prob(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, pairs: Sequence[tuple[str, str]]
) -> float:
    """The mean log-probability, in nats, of a token of the rewrites in `pairs` of (source, rewrite); EOS counts."""
    sources, targets = ([encode(tokenizer, text) for text in side] for side in zip(*pairs, strict=True))
    tokens = [value for row in token_log_probs(model, sources, targets) for value in row]
    return math.fsum(tokens) / len(tokens)


def preference_accuracy(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, examples: Sequence[PreferenceExample]
) -> float:
    """The share of `examples` whose chosen completion is more probable to `model` than the rejected one.

    Each different completion of a prompt is scored once (one chosen text has several rejected ones), those of like
    length together, which need the least padding.
    """
    texts = {(example.prompt, text) for example in examples for text in (example.chosen, example.rejected)}
    pairs = sorted(texts, key=lambda pair: (len(pair[1]), len(pair[0]), pair))
    scores = sequence_log_probs(
        model, tokenizer, [prompt for prompt, _ in pairs], [text for _, text in pairs], ACCURACY_BATCH_SIZE
    )
    of = dict(zip(pairs, scores, strict=True))
    right = sum(of[example.prompt, example.chosen] > of[example.prompt, example.rejected] for example in examples)
    return right / len(examples)


def heldout_pairs() -> list[tuple[str, str]]:
    """The (source, rewrite) pairs of heldout.tsv: written for this gauge, and never trained on."""
    return read_pairs(HELDOUT_FILE)


def evaluate_version(
    parent_dir: Path | str, child_dir: Path | str, examples: Sequence[PreferenceExample]
) -> dict[str, float]:
    """Compare the version in `child_dir` with its parent, on what it was taught and on what it was not.

    `preference_accuracy` (and `parent_…`): the share of `examples` whose chosen text is the more probable.
    `heldout_quality` (and `parent_…`): the geometric mean of the probabilities of the tokens of the held-out rewrites,
    exp(mean log-probability); it falls when training on clicks damages what the model could do before.
    `heldout_relative_change`: child over parent, minus one.
    """
    metrics: dict[str, float] = {}
    for prefix, folder in (("parent_", parent_dir), ("", child_dir)):
        model, tokenizer = load_model(folder), load_tokenizer(folder)
        metrics[f"{prefix}preference_accuracy"] = preference_accuracy(model, tokenizer, examples)
        metrics[f"{prefix}heldout_quality"] = math.exp(mean_token_log_prob(model, tokenizer, heldout_pairs()))
    metrics["heldout_relative_change"] = metrics["heldout_quality"] / metrics["parent_heldout_quality"] - 1
    return metrics


def gate(metrics: Mapping[str, Any]) -> list[str]:
    """Why a version with these `metrics` of `evaluate_version` must not serve: a sentence a reason, or none.

    Metrics that are no numbers, such as the report of the evaluation, have no say.
    """
    if not all(math.isfinite(value) for value in metrics.values() if isinstance(value, int | float)):
        return ["A metric of the new version is not a finite number."]
    reasons = []
    change = metrics["heldout_relative_change"]
    if change < -MAX_HELDOUT_DROP:
        reasons.append(
            f"Held-out quality fell by {-change:.1%}, more than the {MAX_HELDOUT_DROP:.0%} allowed: "
            "other inputs suffer."
        )
    accuracy, before = metrics["preference_accuracy"], metrics["parent_preference_accuracy"]
    if accuracy < before:
        reasons.append(
            f"The new version agrees with {accuracy:.0%} of the preferences it was trained on, "
            f"its parent with {before:.0%}."
        )
    return reasons
