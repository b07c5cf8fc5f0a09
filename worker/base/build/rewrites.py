"""Rewrites by beam search and by sampling from a checkpoint in memory."""

from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import T5ForConditionalGeneration

from worker.base.build.batches import pad
from worker.base.build.tokenizer import PAD_ID

BEAMS = 4
TEMPERATURE = 0.9
TOP_P = 0.95
_ROWS_AT_ONCE = 64
_LONGEST_REWRITE = 96


@torch.no_grad()
def _generate(
    model: T5ForConditionalGeneration, tokenizer: Tokenizer, texts: Sequence[str], **how: int | float | bool
) -> list[str]:
    generator: Any = model.train(False)
    answers: list[str] = []
    for start in range(0, len(texts), _ROWS_AT_ONCE):
        encoded = tokenizer.encode_batch(list(texts[start : start + _ROWS_AT_ONCE]))
        input_ids = pad([row.ids for row in encoded], PAD_ID)
        mask = (input_ids != PAD_ID).long()
        ids = generator.generate(
            input_ids=input_ids,
            attention_mask=mask,
            max_new_tokens=_LONGEST_REWRITE,
            decoder_start_token_id=PAD_ID,
            **how,
        )
        answers.extend(tokenizer.decode_batch(ids.tolist(), skip_special_tokens=True))
    return answers


def beam_rewrites(model: T5ForConditionalGeneration, tokenizer: Tokenizer, texts: Sequence[str]) -> list[str]:
    """Return the most probable rewrite of each text, by beam search."""
    return _generate(model, tokenizer, texts, num_beams=BEAMS)


def sampled_rewrites(
    model: T5ForConditionalGeneration, tokenizer: Tokenizer, texts: Sequence[str], *, count: int
) -> list[list[str]]:
    """Return `count` rewrites of each text, sampled as the studio samples them."""
    drawn = _generate(
        model,
        tokenizer,
        texts,
        do_sample=True,
        temperature=TEMPERATURE,
        top_p=TOP_P,
        top_k=0,
        num_return_sequences=count,
    )
    return [drawn[start : start + count] for start in range(0, len(drawn), count)]
