"""The judge during training: MiniLM with a smaller vocabulary, and a head that predicts token scores."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertConfig, BertModel, PreTrainedModel

from models.serving.judge import FEATURES, LEAST_TOKENS, MOST_TOKENS, RARITY_WEIGHT

_LATIN = 0x250
# Typical sums of a language model's tokens in a piece: -4 nats, 1.2 tokens, rarity 7.
_PIECE = (-4.0, 1.2, 7.0)


class Student(torch.nn.Module):
    """An encoder with a mean state for meaning and a head that predicts a language model's sums for each piece."""

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.pieces = torch.nn.Linear(width, len(_PIECE))
        torch.nn.init.normal_(self.pieces.weight, std=0.02)
        self.pieces.bias.data = torch.tensor(_PIECE)
        self.pooled = torch.nn.Linear(width, 1)
        torch.nn.init.zeros_(self.pooled.weight)
        torch.nn.init.zeros_(self.pooled.bias)
        self.calibration = torch.nn.Parameter(torch.zeros(FEATURES))

    def calibrate(self, pieces: Sequence[Tensor], acceptability: Tensor) -> None:
        """Fit acceptability to the language model's sums for the pieces, by least squares on its logit."""
        lengths = torch.tensor([len(rows) for rows in pieces])
        known = features(torch.nn.utils.rnn.pad_sequence(list(pieces), batch_first=True), lengths)
        with_one = torch.cat([known, torch.ones(len(known), 1)], dim=1)
        found = torch.linalg.lstsq(with_one, torch.logit(acceptability, eps=1e-3)[:, None]).solution[:, 0]
        self.calibration.data, self.pooled.bias.data = found[:FEATURES].clone(), found[FEATURES:].clone()

    def forward(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor, Tensor]:
        """Compute unit vectors, (texts, width), acceptability, (texts,), and sums for pieces, (texts, positions, 3)."""
        ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
        lengths = torch.tensor([len(row) for row in rows])
        mask = torch.arange(ids.shape[1]) < lengths[:, None]
        with torch.autocast("cpu", torch.bfloat16):
            output = self.encoder(input_ids=ids, attention_mask=mask.long())
        states = output.last_hidden_state.float()
        meant = torch.nn.functional.normalize((states * mask.unsqueeze(-1)).sum(1), dim=-1)
        pieces = self.pieces(states)
        scores = features(pieces, lengths) @ self.calibration + self.pooled(output.pooler_output.float()).squeeze(-1)
        return meant, torch.sigmoid(scores), pieces


def features(pieces: Tensor, lengths: Tensor) -> Tensor:
    """Compute `models.serving.judge.features` with gradients."""
    places = torch.arange(pieces.shape[1])
    body = (places > 0) & (places < lengths[:, None] - 1)
    pieces = pieces * body.unsqueeze(-1)
    log_probability, number, rarity = pieces.sum(1).unbind(-1)
    number = number.clamp(min=LEAST_TOKENS)
    mean, rare = log_probability / number, rarity / number
    near = pieces[:, :-2] + pieces[:, 1:-1] + pieces[:, 2:]
    whole = body[:, :-2] & body[:, 1:-1] & body[:, 2:]
    tokens = near[..., 1].clamp(min=LEAST_TOKENS)

    def worst(sums: Tensor, otherwise: Tensor) -> Tensor:
        if not whole.shape[1]:
            return otherwise
        least = torch.where(whole, sums / tokens, torch.tensor(torch.inf)).min(1).values
        return torch.where(whole.any(1), least, otherwise)

    corrected = near[..., 0] + RARITY_WEIGHT * near[..., 2]
    both = worst(near[..., 0], mean), worst(corrected, mean + RARITY_WEIGHT * rare)
    return torch.stack([mean, rare, *both, number.log()], dim=-1)


def smaller(tokenizer: Tokenizer, texts: Sequence[str], size: int) -> tuple[Tokenizer, list[int]]:
    """Return a WordPiece tokenizer of the `size` most frequent tokens and all letters, and their old numbers."""
    counts = Counter(number for row in tokenizer.encode_batch_fast(list(texts)) for number in row.ids)
    written: dict[str, Any] = json.loads(tokenizer.to_str())
    old = {number: token for token, number in written["model"]["vocab"].items()}
    needed = {number for number, token in old.items() if _always_needed(token)}
    kept = sorted(needed | {number for number, _ in counts.most_common(max(0, size - len(needed)))})
    new = {number: place for place, number in enumerate(kept)}
    written["model"]["vocab"] = {old[number]: new[number] for number in kept}
    for token in written["added_tokens"]:
        token["id"] = new[token["id"]]
    for token in written["post_processor"]["special_tokens"].values():
        token["ids"] = [new[number] for number in token["ids"]]
    return Tokenizer.from_str(json.dumps(written)), kept


def _always_needed(token: str) -> bool:
    letter = token.removeprefix("##")
    special = token.startswith("[") and token.endswith("]") and not token.startswith("[unused")
    return special or (len(letter) == 1 and ord(letter) < _LATIN)


def pruned(teacher: PreTrainedModel, kept: Sequence[int]) -> BertModel:
    """Return a BERT model with the embeddings of the kept tokens and used positions only."""
    config = BertConfig.from_dict(teacher.config.to_dict())
    config.vocab_size = len(kept)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    config.max_position_embeddings = MOST_TOKENS
    weights = dict(teacher.state_dict())
    weights["embeddings.word_embeddings.weight"] = weights["embeddings.word_embeddings.weight"][list(kept)]
    weights["embeddings.position_embeddings.weight"] = weights["embeddings.position_embeddings.weight"][:MOST_TOKENS]
    student = BertModel(config)
    student.load_state_dict(weights)
    return student
