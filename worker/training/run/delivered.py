"""A check that the saved files are the model that was measured.

Merging, ties between weights, number formats and configurations can each make a saved model compute something else
than the one in memory, whose figures result.json states. So a few rows are scored by both.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from models.formats import Row, prompt_text
from models.settings.command_line import TrainOptions
from worker.training.loading.loading import Loaded, load_model_and_tokenizer
from worker.training.loading.rendering import render
from worker.training.run.data import TrainingData
from worker.training.run.held_out import Array, completion_log_probs
from worker.training.run.ratings import rate
from worker.training.shared.training_errors import ParityError

_ROWS = 4
_OPENING = 40
"""Characters of a prompt that stand in for a completion where the rows have none."""

_TOLERANCES = {torch.float32: 1e-2, torch.float16: 0.1, torch.bfloat16: 0.3}
"""The largest differences that rounding explains: mean log-probability of a token in nats, or reward."""


class DeliveredCheck:
    """Compares a saved model with the scores that the trained one gives to a few rows, held-out ones where there are.

    A model that was trained in 4 bits is measured in them, but saved without: there the difference is what the
    quantization took away, which is reported and no reason to fail.
    """

    def __init__(self, loaded: Loaded, policy: PreTrainedModel, data: TrainingData, options: TrainOptions) -> None:
        self.loaded, self.options = loaded, options
        self.rows = _texts((*data.pairs, *data.held_out, *data.train)[:_ROWS])
        self.measured = self._scores(loaded, policy)
        self.format = policy.dtype
        self.device = policy.device

    def difference(self, folder: Path) -> float:
        """Return the largest difference of a row's score between the trained model and the one saved in `folder`.

        Raises `ParityError` if it is larger than the number format explains.
        """
        classifier = self.loaded.architecture == "classifier"
        saved = load_model_and_tokenizer(folder, TrainOptions(dtype="auto"), classifier=classifier)
        saved.model.to(self.device)  # type: ignore[arg-type]  # stub of a decorator
        found = float(np.abs(self._scores(saved, saved.model) - self.measured).max())
        tolerance = np.inf if self.options.load_in_4bit else _TOLERANCES.get(self.format, _TOLERANCES[torch.float32])
        if not found <= tolerance:
            unit = "in a reward" if classifier else "nats a token"
            raise ParityError(
                f"The saved model is another one than was measured: they differ by {found:.3g} {unit}. Nothing was "
                "kept but the checkpoints."
            )
        return found

    def _scores(self, loaded: Loaded, model: PreTrainedModel) -> Array:
        """Return a score of each row, (N,): its reward, or the mean log-probability of its completion's tokens."""
        if loaded.architecture == "classifier":
            return np.array(rate(loaded, model, render(self.rows, loaded), "completion", _ROWS))
        return completion_log_probs(loaded, model, self.rows, "completion").per_token


def _texts(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return each row as a prompt and a completion: the chosen one, the only one, or the opening of the prompt."""
    return [
        {
            "prompt": row["prompt"],
            "completion": row.get("chosen", row.get("completion")) or prompt_text(row["prompt"])[:_OPENING],
        }
        for row in rows
    ]
