"""How often people will prefer what a new version shows to what its parent shows, by clicks that were not seen.

What both show for the held-out sentences is told apart by the head that learned from the clicks, put right by clicks
that it has not seen (models/reward/crossfit.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.errors import ModelError
from models.reward.crossfit import promise
from models.reward.features import Array
from models.reward.head import Head
from models.reward.judgments import Judged
from models.serving.generator import CANDIDATES, Generator, Sampling
from models.store.store import HEAD_FILE
from worker.evaluation import testset
from worker.evaluation.systems import SEED

TEXTS_EVERY = 3
"""Every third of the held-out sentences is drawn for: drawing takes most of the time."""

log = logging.getLogger(__name__)


def promised(
    serving: Path,
    parent_serving: Path,
    head: Head,
    judged: Sequence[Judged],
    prompts: Sequence[str],
    sampling: Sampling,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """The promise of a version in its serving folder, as a manifest keeps it; empty if no click prefers a text.

    `head` is the one that it carries, fitted to the judgments of the prompts; the parent chooses by its own, if it has
    one. `check` is called between two steps and may raise.
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
    # Both are read by the parent, so by the same likelihoods.
    differences = [_differences(theirs, *row) for row in zip(texts, after, before, strict=True)]
    found = promise(judged, prompts, head, differences)
    check()
    return {} if found is None else {**asdict(found), "shown": found.shown}


def _head_of(serving: Path) -> Head | None:
    """The head that a version carries, None if it carries none that can be read."""
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
