"""Train the small classifier that helps to choose rewrites: `python -m worker.base.judging.neutrality --data DIR`.

Rude texts are ParaDetox's training sources, the sentences its people could not rewrite, generated insults, and tweets
and comments that a first classifier is sure are rude. Polite texts are the rewrites, dialogue, the polite side of the
generated insults, and comments that the first classifier is sure are polite. No dev sentence is among them.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import Tensor

from models.serving.neutrality import BUCKETS, WEIGHTS_FILE, Neutrality, buckets
from models.texts.heldout import is_measured
from worker.base.texts.corpus import Corpus, read_corpus
from worker.base.texts.lexicon import learn_lexicon
from worker.base.texts.phrases import short_insult
from worker.base.texts.rudeness import remark
from worker.base.texts.toxify import Toxifier

_DIALOGUE = 14_000
_MADE = 6_000
_SURE = 0.9
_ROWS = 256

Labelled = list[tuple[str, float]]


def labelled(corpus: Corpus, rng: random.Random) -> Labelled:
    """Return texts labelled 1 for polite and 0 for rude."""
    toxifier = Toxifier(learn_lexicon(corpus.train, corpus.neutral))
    rows: Labelled = [(row.toxic, 0.0) for row in corpus.train]
    rows += [(text, 1.0) for row in corpus.train for text in row.rewrites]
    rows += [(text, 0.0) for text in corpus.unrewritable]
    rows += [(text, 1.0) for text in rng.sample(corpus.dialogue, min(_DIALOGUE, len(corpus.dialogue)))]
    for make in (remark, short_insult):
        for toxic, polite in (make(rng) for _ in range(_MADE // 2)):
            rows += [(toxic, 0.0), (polite, 1.0)]
    rows += [(toxifier.toxify_sentence(rng.choice(corpus.dialogue), rng), 0.0) for _ in range(_MADE)]
    rows += [(toxifier.disguise_toxic(rng.choice(corpus.train).toxic, 0.7, rng), 0.0) for _ in range(_MADE)]
    return [(text, label) for text, label in rows if not is_measured(text)]


def fit(rows: Labelled, rng: random.Random, epochs: int = 6) -> dict[str, np.ndarray]:
    """Fit a logistic regression over hashed features with Adam and a small weight decay."""
    found = [buckets(text) for text, _ in rows]
    weights = torch.nn.EmbeddingBag(BUCKETS, 1, mode="sum", sparse=False)
    torch.nn.init.zeros_(weights.weight)
    bias = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([*weights.parameters(), bias], lr=0.05)
    order = list(range(len(rows)))
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - epoch / epochs)
        rng.shuffle(order)
        for start in range(0, len(order), _ROWS):
            chosen = order[start : start + _ROWS]
            flat = torch.from_numpy(np.concatenate([found[row] for row in chosen]))
            sizes = torch.tensor([len(found[row]) for row in chosen])
            score = weights(flat, sizes.cumsum(0) - sizes)[:, 0] / sizes.clamp(min=1).sqrt() + bias
            wanted = torch.tensor([rows[row][1] for row in chosen])
            loss: Tensor = torch.nn.functional.binary_cross_entropy_with_logits(score, wanted)
            loss = loss + 1e-6 * weights.weight.square().sum()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return {"weights": weights.weight.detach()[:, 0].numpy().astype(np.float16), "bias": bias.detach().numpy()}


def sure_of(judge: Neutrality, texts: Sequence[str]) -> Labelled:
    """Return the texts about which the classifier is sure, with its labels."""
    return [
        (text, float(value > 0.5))
        for text, value in zip(texts, judge(texts), strict=True)
        if max(value, 1 - value) > _SURE
    ]


def main() -> None:
    """Train on a data folder, write the weights, and print the accuracy on the dev rows."""
    parser = argparse.ArgumentParser(prog="python -m worker.base.judging.neutrality", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with paradetox.tsv and corpus/")
    parser.add_argument("--out", type=Path, default=WEIGHTS_FILE, help="default %(default)s")
    options = parser.parse_args()
    torch.manual_seed(20)
    rng = random.Random(20)
    corpus = read_corpus(options.data)
    rows = labelled(corpus, rng)
    save_file(fit(rows, rng), options.out)
    rows += sure_of(Neutrality(options.out), [*corpus.comments, *corpus.tweets])
    save_file(fit(rows, rng), options.out)
    judge = Neutrality(options.out)
    rude = judge([row.toxic for row in corpus.dev])
    polite = judge([text for row in corpus.dev for text in row.rewrites])
    print(f"dev sources called rude: {np.mean(np.array(rude) < 0.5):.3f}")
    print(f"dev rewrites called polite: {np.mean(np.array(polite) >= 0.5):.3f}")


if __name__ == "__main__":
    main()
