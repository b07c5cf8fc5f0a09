"""Fit the constants of the fluency scorer and say how well it separates.

    python -m benchmarks.experiments.fluency_calibration

Sentences as people wrote them (everyday dialogue, comments, toxic sources and their human rewrites of the train split)
against the same sentences with one word dropped, doubled or swapped with the next. Seven in ten fit, the others test.
Then, on the dev split: are people's rewrites more acceptable than the sources with the profane words deleted?
Prints JSON lines; with `--write` the constants go to worker/evaluation/scorers/fluency.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from models.formats.files.pair_files import read_pair_file
from models.formats.splitting import held_out_keys
from worker.evaluation.scorers.fluency import CALIBRATION_FILE, FEATURES, Array, features
from worker.evaluation.scorers.language_model import LanguageModel, release, smol_lm2
from worker.evaluation.systems import without_profanity
from worker.training.shared.writing import write_aside

NUMBER = 1
SEED = 1
SENTENCES = 700
_FITTED_SHARE = 0.7


def main() -> None:
    """Fit, report, and write the constants if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("instance/cache"))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    data = Path(os.environ.get("MELLOW_SHARED_DATA", "../shared/data"))
    if not data.is_dir():
        parser.error(f"{data} is not there: name the folder of the data in MELLOW_SHARED_DATA.")
    model, random_ = smol_lm2(options.cache), random.Random(SEED)
    pairs = [(text, damaged) for text in sentences(data, random_) if (damaged := damage(text, random_))]
    intact, broken = (features(model, side) for side in zip(*pairs, strict=True))
    fitted = np.random.default_rng(SEED).random(len(pairs)) < _FITTED_SHARE
    weights, intercept = fit(intact[fitted], broken[fitted])
    logits = [side[~fitted] @ weights + intercept for side in (intact, broken)]
    truth = np.repeat([1, 0], (~fitted).sum())
    found = {
        "sentences": len(pairs),
        "auc": round(float(roc_auc_score(truth, np.concatenate(logits))), 3),
        "intact_above_its_damaged_copy": round(float((logits[0] > logits[1]).mean()), 3),
    }
    print(json.dumps({"claim": "intact against damaged, test sentences", **found}))
    print(json.dumps({"claim": "people against deletion, dev", **against_deletion(data, model, weights, intercept)}))
    if options.write:
        constants = {"weights": dict(zip(FEATURES, weights.tolist(), strict=True)), "intercept": intercept}
        write_aside(
            CALIBRATION_FILE,
            json.dumps({"number": NUMBER, "model": release(), **constants, "test": found}, indent=2) + "\n",
        )


def sentences(data: Path, random_: random.Random) -> list[str]:
    """Sentences of 4 to 30 words, as many of each kind."""
    train = [row for row in read_pair_file(data / "paradetox.tsv").rows if not held_out_keys([row.source])]
    kinds = [
        lines(data / "corpus" / "topical_chat.txt.gz"),
        lines(data / "corpus" / "jigsaw_comments.txt.gz"),
        [row.source for row in train],
        [row.references[0] for row in train],
    ]
    chosen: list[str] = []
    for texts in kinds:
        fit_in = [text for text in dict.fromkeys(texts) if 4 <= len(text.split()) <= 30]
        chosen += random_.sample(fit_in, SENTENCES)
    return chosen


def lines(path: Path) -> list[str]:
    """The lines of a gzipped file that are not empty."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip()]


def damage(text: str, random_: random.Random) -> str | None:
    """The text with one word dropped, doubled or swapped with the next; None if it has too few words."""
    words = text.split()
    places = [place for place, word in enumerate(words) if any(map(str.isalpha, word))]
    swaps = [place for place in places if place + 1 in places and words[place].lower() != words[place + 1].lower()]
    if len(places) < 3 or not swaps:
        return None
    kind, place, swap = random_.choice(("drop", "double", "swap")), random_.choice(places), random_.choice(swaps)
    if kind == "drop":
        return " ".join(words[:place] + words[place + 1 :])
    if kind == "double":
        return " ".join(words[: place + 1] + words[place:])
    return " ".join([*words[:swap], words[swap + 1], words[swap], *words[swap + 2 :]])


def fit(intact: Array, broken: Array) -> tuple[Array, float]:
    """Weights and intercept, for features as they are, of the logistic regression that tells the two apart."""
    both = np.concatenate([intact, broken])
    mean, spread = both.mean(0), both.std(0)
    found = LogisticRegression(C=10.0, max_iter=5000).fit((both - mean) / spread, np.repeat([1, 0], len(intact)))
    weights: Array = found.coef_[0] / spread
    return weights, float(found.intercept_[0] - weights @ mean)


def against_deletion(data: Path, model: LanguageModel, weights: Array, intercept: float) -> dict[str, float]:
    """Mean acceptability of the dev sources, of people's rewrites and of deletion, where deletion changes something."""
    delete = without_profanity()
    rows = [row for row in read_pair_file(data / "paradetox.tsv").rows if held_out_keys([row.source])]
    triples = [(row.source, row.references[0], delete(row.source)) for row in rows]
    changed = [triple for triple in triples if triple[2] and triple[2] != " ".join(triple[0].split())]
    source, people, deleted = (
        _probability(features(model, side), weights, intercept) for side in zip(*changed, strict=True)
    )
    return {
        "texts": len(changed),
        "sources": round(float(source.mean()), 3),
        "people": round(float(people.mean()), 3),
        "deletion": round(float(deleted.mean()), 3),
        "people_above_deletion": round(float((people > deleted).mean()), 3),
    }


def _probability(rows: Array, weights: Array, intercept: float) -> Array:
    return np.asarray(1 / (1 + np.exp(-(rows @ weights + intercept))))


if __name__ == "__main__":
    main()
