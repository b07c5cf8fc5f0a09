"""What the judgments of a run weigh, and what their pairs and marked texts weigh in the loss therefore.

Judgments have weights (app/services/training/reward/judgment_weights.py). A run keeps those of its first attempt in its
folder: they change with judgments of others, and a training that goes on must go on with what it began with. The
version carries them, so that it can be made again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.db import Judgment
from app.services.training.reward import judgment_weights
from app.services.training.selection import Selection
from models.store.store import WEIGHTS_FILE
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio
from worker.training.shared.examples import MarkedText, PreferenceExample

Weights = Mapping[int, float]
"""The weights of judgments by their ids; one that is not named weighs 1."""


def weights_of_run(studio: Studio, attempt: Attempt, run_dir: Path) -> dict[int, float]:
    """Return what the judgments of a run weigh, as its first attempt in the folder `run_dir` found it."""
    from worker.training.shared.run_folder import JUDGMENT_WEIGHTS, write_small

    file = run_dir / JUDGMENT_WEIGHTS
    if file.exists():
        return {int(number): weight for number, weight in json.loads(file.read_text(encoding="utf-8")).items()}
    conditions = Selection.parse(attempt.selection).conditions(attempt.last_judgment_id)
    with studio.sessions() as session:
        ids = session.scalars(select(Judgment.id).where(*conditions).order_by(Judgment.id)).all()
        found = judgment_weights.weights_of(session, ids)
    weights = {number: weight for number, weight in found.items() if weight != 1.0}
    run_dir.mkdir(parents=True, exist_ok=True)
    write_small(file, json.dumps(weights))
    return weights


def told(weights: Weights, judgments: Collection[int], staged: Path, log: Callable[[str], None]) -> dict[str, Any]:
    """Return how many of the judgments weigh less than 1 and what all weigh together, for the manifest.

    If one of them weighs other than 1, this is logged, and what they weigh is written into the staged version.
    """
    kept = {number: weights[number] for number in sorted(judgments) if number in weights}
    below = sum(weight < 1.0 for weight in kept.values())
    total = round(len(judgments) - len(kept) + sum(kept.values()), judgment_weights.DECIMALS)
    if kept:
        log(f"{len(judgments):,} judgments, which count as {total:,.1f}: {below:,} weigh less than one.")
        (staged / WEIGHTS_FILE).write_text(json.dumps(kept), encoding="utf-8")
    return {"judgments_below_one": below, "judgments_weight": total}


def weighed_pairs(pairs: Sequence[PreferenceExample], weights: Weights, *, lists: bool) -> list[PreferenceExample]:
    """Return the pairs with the weights that they have in the loss.

    A judgment counts as it weighs, however many pairs it yields, and among them as their own weights say. With `lists`,
    those of the listwise loss, it is divided among its lists: the pairs with the same chosen text, which count once.
    """
    keys = [(pair.click or 0, pair.chosen if lists else place) for place, pair in enumerate(pairs)]
    found = _in_loss(keys, [pair.weight for pair in pairs], weights)
    return [replace(pair, weight=weight) for pair, weight in zip(pairs, found, strict=True)]


def weighed_texts(marked: Sequence[MarkedText], weights: Weights) -> list[MarkedText]:
    """Return the marked texts with the weights that they have in the loss: a judgment divides its own among them."""
    keys = [(one.judgment, place) for place, one in enumerate(marked)]
    found = _in_loss(keys, [one.weight for one in marked], weights)
    return [one._replace(weight=weight) for one, weight in zip(marked, found, strict=True)]


def _in_loss(keys: Sequence[tuple[int, Hashable]], own: Sequence[float], weights: Weights) -> list[float]:
    """Return the weight in the loss of each row, from its key (judgment, part) and its own weight.

    The rows of one key are one part. The parts of a judgment weigh, together, what it weighs times the mean number of
    parts of a judgment: so the parts weigh 1 on average if judgments do, and exactly 1 if all have equally many.
    """
    of_part: defaultdict[tuple[int, Hashable], float] = defaultdict(float)
    of_judgment: defaultdict[int, float] = defaultdict(float)
    for key, weight in zip(keys, own, strict=True):
        of_part[key] += weight
        of_judgment[key[0]] += weight
    mean = len(of_part) / max(1, len(of_judgment))
    return [weights.get(key[0], 1.0) * (of_part[key] * mean / of_judgment[key[0]]) for key in keys]
