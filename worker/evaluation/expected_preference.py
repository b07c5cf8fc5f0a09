"""The estimated rate at which people prefer a new version's candidates to its parent's.

Both versions' candidates for the held-out sentences are compared by the reward head that was fitted to the clicks,
calibrated on clicks that it was not fitted to (models/reward/crossfit.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.model_errors import ModelError
from models.reward.crossfit import expected_preference
from models.reward.features import Array
from models.reward.head import Head
from models.reward.judgments import JudgedScreen
from models.serving.generator import CANDIDATES, Generator, Sampling
from models.store.store import HEAD_FILE
from worker.evaluation import testset
from worker.evaluation.systems import SEED

TEXTS_EVERY = 2
"""Candidates are sampled for every second held-out sentence: fewer tell too little, and all take too long."""

log = logging.getLogger(__name__)


def measured_preference(
    serving: Path,
    parent_serving: Path,
    head: Head,
    judged: Sequence[JudgedScreen],
    prompts: Sequence[str],
    sampling: Sampling,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Estimate how often a version is preferred to its parent, for the manifest; {} if no click prefers a text.

    `head` is the version's own, fitted to the judgments `judged` of `prompts`; the parent chooses its candidates with
    its own head, if it has one. `check` is called between steps and may raise.
    """
    texts = [item.source for item in testset.heldout().items][::TEXTS_EVERY]

    theirs, ours = (Generator(folder, 0, threads=1, seed=SEED) for folder in (parent_serving, serving))

    def shown(generator: Generator, by: Head | None) -> list[list[str]]:
        screens = []
        for text in texts:
            check()
            screens.append([one.text for one in generator.generate(text, sampling, CANDIDATES, by).candidates])
        return screens

    with ThreadPoolExecutor(2) as pool:
        before, after = pool.map(shown, (theirs, ours), (_head_of(parent_serving), head))
    # The parent computes the features of both, so that their likelihoods are comparable.
    differences = [_differences(theirs, *row) for row in zip(texts, after, before, strict=True)]
    found = expected_preference(judged, prompts, head, differences)
    check()
    return {} if found is None else {**asdict(found), "shown": found.shown}


def _head_of(serving: Path) -> Head | None:
    """Return the reward head of a version, or None if it has none that can be read."""
    try:
        return Head.from_bytes((serving.parent / HEAD_FILE).read_bytes())
    except FileNotFoundError:
        return None
    except ModelError as error:
        log.warning("The head of %s is left aside: %s", serving.parent, error)
        return None


def _differences(reader: Generator, text: str, ours: Sequence[str], theirs: Sequence[str]) -> Array:
    rows = reader.features(text, [*ours, *theirs])
    mine, yours = rows[: len(ours)], rows[len(ours) :]
    return (mine[:, None] - yours[None]).reshape(-1, rows.shape[1])
