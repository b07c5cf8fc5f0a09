"""A sequence classifier of transformers, by folder or hub name, as a scorer: the probability of one label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from models.store.manifest import hash_file
from worker.evaluation.evaluation_errors import ScorerUnavailable
from worker.training.shared.checkpoint import without_attention
from worker.training.shared.quiet_libraries import quiet

MOST_TOKENS = 256
BATCH_SIZE = 32


class LabelProbability:
    """A scorer that returns the probability of one label of a classifier."""

    def __init__(self, source: str, wanted: Sequence[str]) -> None:
        """Load the classifier; `wanted` are the label's possible names or numbers. Raises ScorerUnavailable."""
        self.name = source
        try:
            with quiet():
                self._tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
                config = without_attention(AutoConfig.from_pretrained(source, trust_remote_code=False))
                model = AutoModelForSequenceClassification.from_pretrained(
                    source, config=config, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
                )
        except (OSError, ValueError) as error:
            raise unavailable(source, error) from error
        self._model = model.train(False).to("cuda" if torch.cuda.is_available() else "cpu")
        labels = dict(model.config.id2label)
        self._label = _label_number(source, labels, wanted)
        self.version = f"{weights_version(source, model.config)}, label {self._label} ({labels[self._label]})"

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return one probability for each text, of which at most `MOST_TOKENS` tokens are read."""
        found = torch.zeros(len(texts))
        for rows in batches_by_length(texts):
            batch = self._tokenizer(
                [texts[row] for row in rows], padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt"
            ).to(self._model.device)
            found[rows] = self._model(**batch).logits.float().softmax(-1)[:, self._label].cpu()
        return [float(value) for value in found]


def batches_by_length(texts: Sequence[str], size: int = BATCH_SIZE) -> list[list[int]]:
    """Return the indices of `texts` in batches of similar length, to save padding."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    return [order[first : first + size] for first in range(0, len(order), size)]


def unavailable(source: str, error: Exception) -> ScorerUnavailable:
    """Return the exception for a scorer's model that cannot be loaded."""
    reason = str(error).strip().splitlines()[0].rstrip(".")
    return ScorerUnavailable(f"The scorer {source} could not be loaded: {reason}.")


def weights_version(source: str, config: object) -> str:
    """Return what identifies a model: its hub commit, or the hash of the weights in its folder."""
    commit = getattr(config, "_commit_hash", None)
    if commit:
        return str(commit)
    weights = sorted(Path(source).glob("*.safetensors"))
    return "-".join(hash_file(path)[:16] for path in weights) or "unknown"


def _label_number(source: str, labels: dict[int, str], wanted: Sequence[str]) -> int:
    names = {number: label.casefold() for number, label in labels.items()}
    numbers = [number for number, name in names.items() if name in wanted or str(number) in wanted]
    if len(numbers) != 1:
        raise ScorerUnavailable(
            f"Which label of {source} is meant is not clear: it has {', '.join(map(str, labels.values()))}. "
            f"Say it by its number, counting from 0."
        )
    return numbers[0]
