"""Ratings by a classifier with one output, as a reward model is: its inputs, and the rewards it gives.

Training and use both encode texts here, so that a reward model reads a text exactly as it learned to.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from worker.training.loading.loading import Loaded
from worker.training.loading.rendering import Text

Rating = dict[str, list[int]]
"""The classifier's input for one prompt and completion: `input_ids`, and `token_type_ids` if the model has them."""


def encode_rating(loaded: Loaded, prompt: Text, completion: Text) -> Rating:
    """Encode a rendered prompt and completion for the classifier.

    An encoder, whose tokenizer has a classification and a separator token, gets a pair: `[CLS] prompt [SEP] completion
    [SEP]`. A chat model gets the conversation in its own template, any other decoder-only model the text closed by one
    EOS. The spelling of a special token in a text is tokenized as ordinary letters. A row longer than the model's
    positions is cut: for an encoder at the end of the longer part, else at the beginning.
    """
    tokenizer: Any = loaded.tokenizer
    longest = min(tokenizer.model_max_length, getattr(loaded.model.config, "max_position_embeddings", None) or 2**40)
    if tokenizer.cls_token is not None and tokenizer.sep_token is not None:
        cut = {"truncation": "longest_first", "max_length": longest} if longest < 2**40 else {}
        pair = tokenizer(prompt, completion, split_special_tokens=True, **cut)
        return {name: pair[name] for name in ("input_ids", "token_type_ids") if name in pair}
    if not isinstance(prompt, str):
        text = tokenizer.apply_chat_template([*prompt, *completion], tokenize=False)
        return {"input_ids": tokenizer(text, add_special_tokens=False).input_ids[-longest:]}
    ids = tokenizer(prompt, split_special_tokens=True).input_ids
    ids += tokenizer(completion, add_special_tokens=False, split_special_tokens=True).input_ids
    if tokenizer.eos_token_id is not None:
        ids = [*ids, tokenizer.eos_token_id]
    return {"input_ids": ids[-longest:]}


def pad_ratings(ratings: Sequence[Rating], pad_token_id: int) -> dict[str, Tensor]:
    """Pad N encoded rows on the right to matrices (N, longest), with `attention_mask`."""
    width = max(len(rating["input_ids"]) for rating in ratings)

    def padded(rows: Iterable[list[int]], filler: int) -> Tensor:
        return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows])

    batch = {
        "input_ids": padded((rating["input_ids"] for rating in ratings), pad_token_id),
        "attention_mask": padded(([1] * len(rating["input_ids"]) for rating in ratings), 0),
    }
    if "token_type_ids" in ratings[0]:
        batch["token_type_ids"] = padded((rating["token_type_ids"] for rating in ratings), 0)
    return batch


@torch.no_grad()
def rate(
    loaded: Loaded, model: PreTrainedModel, rows: Sequence[Mapping[str, Any]], column: str, batch_size: int
) -> list[float]:
    """Return the rewards under `model` (loaded like `loaded`) of the column `column` of rendered rows."""
    ratings = [encode_rating(loaded, row["prompt"], row[column]) for row in rows]
    order = sorted(range(len(ratings)), key=lambda place: len(ratings[place]["input_ids"]))
    training, found = model.training, [0.0] * len(ratings)
    model.train(False)
    for first in range(0, len(order), batch_size):
        places = order[first : first + batch_size]
        batch = pad_ratings([ratings[place] for place in places], pad_token_id(loaded))
        logits = model(**{name: values.to(model.device) for name, values in batch.items()}).logits
        for place, value in zip(places, logits[:, 0].float().tolist(), strict=True):
            found[place] = value
    model.train(training)
    return found


def pad_token_id(loaded: Loaded) -> int:
    """Return the padding token's id."""
    return int(loaded.tokenizer.pad_token_id or 0)
