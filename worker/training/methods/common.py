"""Common parts of the methods that train on texts: tokenized rows, and the reference model."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list
from datasets import Dataset, load_from_disk
from peft import PeftModel
from torch import nn
from transformers import PreTrainedModel, Trainer

from worker.training import processes
from worker.training.loading.loading import Loaded
from worker.training.loading.rendering import token_ids
from worker.training.run.held_out import Figures
from worker.training.run.method import Job, unwrapped
from worker.training.t5.seq2seq_dpo import disable_dropout


class TextMethod:
    """Defaults of the methods whose model generates text."""

    classifier = False

    def policy(self, trainer: Trainer) -> PreTrainedModel:
        """Return the trained model."""
        return unwrapped(trainer)

    def score(self, job: Job, model: PreTrainedModel) -> Figures:
        """Return no metrics beside the runner's own on held-out pairs."""
        return {}


class TokenizedRowsMixin:
    """Mixin for a trainer of TRL whose rows are already token ids; it writes no model card.

    TRL tokenizes a plain prompt with its completion as one text, in which a token may span both and EOS may come twice;
    in evaluation and generation neither occurs.
    """

    def _prepare_dataset(self, dataset: Dataset, *args: Any, **kwargs: Any) -> Dataset:
        return dataset

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write no model card: TRL's is an unfilled form."""


def tokenized(
    rows: Sequence[Mapping[str, Any]], loaded: Loaded, completions: Sequence[str]
) -> list[dict[str, list[int]]]:
    """Tokenize rendered rows: `prompt_ids`, and `<column>_ids` for each column of `completions`."""
    made = []
    for row in rows:
        ids: dict[str, list[int]] = {}
        for name in completions:
            ids["prompt_ids"], ids[f"{name}_ids"] = token_ids(loaded, row["prompt"], row[name])
        made.append(ids)
    return made


def saved_dataset(rows: Sequence[Mapping[str, Any]], work: Path, name: str) -> Dataset:
    """Save the rows as a dataset in `work`, where TRL then caches what it computes from them, and load it.

    Several processes all load the first one's.
    """
    shared = [str(work)]
    if processes.count() > 1:
        broadcast_object_list(shared)
    folder = Path(shared[0]) / name
    if processes.is_main():
        Dataset.from_list(list(rows)).save_to_disk(folder)
    processes.wait_for_all()
    return load_from_disk(str(folder))


def frozen_copy(model: PreTrainedModel) -> PreTrainedModel:
    """Return a copy of the model as a reference: without gradients, without dropout."""
    reference = copy.deepcopy(model)
    disable_dropout(reference)
    reference.requires_grad_(False)
    reference.train(False)
    return reference


def adapter_in_float32(model: nn.Module | None) -> None:
    """Convert the trainable weights of an adapter to float32.

    TRL converts the adapter of a 4-bit model to bfloat16, whose spacing is wider than most steps of the optimizer.
    """
    if isinstance(model, PeftModel):
        for weight in model.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()
