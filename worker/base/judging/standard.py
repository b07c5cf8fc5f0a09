"""Measure the scale of a rewrite's features: `python -m worker.base.judging.standard --data DIR [--out FILE]`.

The embedded model samples rewrites of ParaDetox's training sources, the kind of texts that it later chooses among. For
each named feature the mean is computed, and its standard deviation between the samples of one text (at least a share of
the overall one: where the samples of a text hardly differ, an outlier would otherwise dominate). For the judge's mean
state the centre is computed, and the directions in which the samples of one text differ most, each scaled to unit
deviation.
"""

from __future__ import annotations

import argparse
import logging
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from app.config import EMBEDDED_BASE_MODEL
from models.reward.features import (
    BEFORE,
    MEANING,
    NAMED,
    STANDARD_FILE,
    Array,
    MeasuredRewrite,
    Standard,
    features,
    raw,
)
from models.serving import choosing
from models.serving.engine import Draw, Engine, Sampling
from models.serving.generator import COMPUTE_TYPE, wording
from worker.base.texts.corpus import is_dev, read_paradetox
from worker.publish.convert import convert_to_ctranslate2

log = logging.getLogger(__name__)

TEXTS = 600
_SEED = 21
_SAMPLES = 16
_TEMPERATURES = (0.9, 1.2)
_LEAST_SHARE = 0.3
_LEAST = 1e-3
_RIDGE = 10.0


@dataclass(frozen=True)
class Pool:
    """The samples of a text: named features, (samples, NAMED), and the judge's states, (samples, width).

    `judged`, (samples,), is the judge's factor of quality.
    """

    rewrites: tuple[MeasuredRewrite, ...]
    source: str
    named: Array
    states: Array
    judged: Array


def pools(engine: Engine, sources: Sequence[str]) -> Iterator[Pool]:
    """Yield the samples of each source with at least two different ones."""
    sampling = Sampling()
    for source in sources:
        drawn: dict[str, str] = {}
        for temperature in _TEMPERATURES:
            draw = Draw(engine.tokens(source), _SAMPLES, temperature, sampling, frozenset())
            drawn |= {wording(sample.text): sample.text for sample in engine.draw(draw).samples}
        texts = list(drawn.values())
        if len(texts) < 2:
            continue
        scores = engine.log_probabilities([source] * len(texts), texts)
        likelihoods = [score / (len(engine.encode(text)) + 1) for score, text in zip(scores, texts, strict=True)]
        readings = choosing.read(source, texts)
        rewrites = [
            MeasuredRewrite(text, likelihood, reading.neutrality, reading.verdict)
            for text, likelihood, reading in zip(texts, likelihoods, readings, strict=True)
        ]
        yield Pool(
            tuple(rewrites),
            source,
            np.array([raw(source, rewrite) for rewrite in rewrites]),
            np.array([reading.verdict.state for reading in readings], dtype=np.float64),
            np.array(
                [reading.quality / max(reading.neutrality, _LEAST) ** choosing.NEUTRALITY for reading in readings]
            ),
        )


def measure(found: Sequence[Pool]) -> dict[str, Array]:
    """Compute the contents of STANDARD_FILE from the samples of many texts."""
    named, states = (np.concatenate([getattr(pool, name) for pool in found]) for name in ("named", "states"))
    within = np.concatenate([pool.named - pool.named.mean(0) for pool in found]).std(0)
    apart = np.concatenate([pool.states - pool.states.mean(0) for pool in found])
    _, lengths, directions = np.linalg.svd(apart, full_matrices=False)
    usual = lengths[:MEANING] / np.sqrt(len(apart))
    scale = np.maximum(np.maximum(within, _LEAST_SHARE * named.std(0)), _LEAST)
    return {
        "mean": named.mean(0),
        "scale": scale,
        "guess": _guess(found, scale),
        "centre": states.mean(0),
        "directions": directions[:MEANING] / usual[:, None],
    }


def together(found: Sequence[Pool], standard: Standard) -> Array:
    """Return the change of all features with a standard deviation of each named one, (NAMED, SIZE)."""
    rows = [features(pool.source, pool.rewrites, standard) for pool in found]
    apart = np.concatenate([of - of.mean(0) for of in rows])
    named = apart[:, : len(NAMED)]
    changes: Array = named.T @ apart / len(apart) / np.maximum(named.std(0), _LEAST)[:, None]
    return changes


def _guess(found: Sequence[Pool], scale: Array) -> Array:
    """Fit weights, (BEFORE,), that predict the log of the judge's factor of quality from standardized features."""
    known = [pool.named[:, :BEFORE] / scale[:BEFORE] for pool in found]
    targets = [np.log(np.maximum(pool.judged, _LEAST)) for pool in found]
    x = np.concatenate([rows - rows.mean(0) for rows in known])
    y = np.concatenate([values - values.mean() for values in targets])
    weights: Array = np.linalg.solve(x.T @ x + _RIDGE * np.eye(BEFORE), x.T @ y)
    log.info("%.3f of the variance of the judge's part is guessed", 1 - ((y - x @ weights) ** 2).sum() / (y**2).sum())
    return weights


def main() -> None:
    """Sample, measure and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of paradetox.tsv")
    parser.add_argument("--out", type=Path, default=STANDARD_FILE)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sources = sorted({row.toxic for row in read_paradetox(options.data / "paradetox.tsv") if not is_dev(row.toxic)})
    random.Random(_SEED).shuffle(sources)
    with tempfile.TemporaryDirectory() as folder:
        convert_to_ctranslate2(EMBEDDED_BASE_MODEL, Path(folder) / "serving")
        engine = Engine(Path(folder) / "serving", compute_type=COMPUTE_TYPE, threads=0, seed=_SEED)
        found = list(pools(engine, sources[:TEXTS]))
    log.info("%d texts, %d samples", len(found), sum(len(pool.named) for pool in found))
    measured = {name: value.astype(np.float32) for name, value in measure(found).items()}
    standard = Standard(**{name: value.astype(np.float64) for name, value in measured.items()}, together=np.empty(0))
    measured["together"] = together(found, standard).astype(np.float32)
    save_file(measured, options.out)


if __name__ == "__main__":
    main()
