"""How a chat version and its parent rate the clicks that were held out of training.

Both are the same base with different adapters, so one model is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from peft import PeftModel

from models.store.evaluation_figures import PARENT, VERSION
from worker.evaluation.automatic import NO_CLICKS
from worker.evaluation.preferences import PairLogProbs, click_figures
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.loading.rendering import Row
from worker.training.run.held_out import PairScores, score_pairs
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.quiet_libraries import quiet


def evaluate_pairs(
    base: Path,
    parent: Path | None,
    version: Path,
    examples: Sequence[PreferenceExample],
    rows: Sequence[Row],
    beta: float,
) -> dict[str, Any]:
    """Return the report on held-out pairs: `rows` with their conversations, and `examples` of the same pairs.

    `parent` and `version` are folders of adapters of the model in `base`; without a parent the base is the parent.
    `lengths` are the mean numbers of tokens of the chosen and of the rejected answers.
    """
    if not rows:
        return {"clicks": {"note": NO_CLICKS}}
    loaded = load_model_and_tokenizer(base)
    with quiet():
        model: Any = PeftModel.from_pretrained(loaded.model, str(version), adapter_name=VERSION)
        if parent is not None:
            model.load_adapter(str(parent), adapter_name=PARENT)
    model.train(False)
    ours = score_pairs(loaded, model, rows)
    if parent is not None:
        model.set_adapter(PARENT)
    with nullcontext() if parent is not None else model.disable_adapter():
        theirs = score_pairs(loaded, model, rows)
    figures = click_figures(examples, _log_probs(ours), _log_probs(theirs), beta)
    lengths = {
        "chosen": round(float(np.mean(ours.chosen.lengths)), 1),
        "rejected": round(float(np.mean(ours.rejected.lengths)), 1),
    }
    return {"clicks": {**figures, "lengths": lengths}}


def _log_probs(scores: PairScores) -> PairLogProbs:
    return PairLogProbs(scores.chosen.sums, scores.rejected.sums)
