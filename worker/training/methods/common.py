"""What the methods that learn from texts share: rows as token ids, and the reference model."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list
from datasets import Dataset, load_from_disk
from peft import PeftModel
from torch import nn
from transformers import PreTrainedModel, Trainer

from worker.training.loading.loading import Loaded
from worker.training.loading.rendering import token_ids
from worker.training.run import processes
from worker.training.run.held_out import Figures
from worker.training.run.method import Job, unwrapped
from worker.training.t5.seq2seq_dpo import disable_dropout


class LearnsFromTexts:
    """What methods whose model writes text have in common, unless they say otherwise."""

    classifier = False

    def policy(self, trainer: Trainer) -> PreTrainedModel:
        """The model that was trained."""
        return unwrapped(trainer)

    def score(self, job: Job, model: PreTrainedModel) -> Figures:
        """Nothing but what the runner says of held-out preferences."""
        return {}


class Prepared:
    """Mixed into a trainer of TRL: its rows are token ids already, and it writes no model card.

    TRL tokenizes a plain prompt with its completion as one text, in which tokens may span the seam and EOS may come
    twice; what the model is scored and asked with has neither.
    """

    def _prepare_dataset(self, dataset: Dataset, *args: Any, **kwargs: Any) -> Dataset:
        return dataset

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write none: TRL's is an unfilled form."""


def tokenized(
    rows: Sequence[Mapping[str, Any]], loaded: Loaded, completions: Sequence[str]
) -> list[dict[str, list[int]]]:
    """Rendered rows as token ids: `prompt_ids`, and for each column of `completions` its name with `_ids`."""
    made = []
    for row in rows:
        ids: dict[str, list[int]] = {}
        for name in completions:
            ids["prompt_ids"], ids[f"{name}_ids"] = token_ids(loaded, row["prompt"], row[name])
        made.append(ids)
    return made


def on_disk(rows: Sequence[Mapping[str, Any]], work: Path, name: str) -> Dataset:
    """The rows as a dataset in `work`, where TRL then keeps what it computes about them.

    Of several processes all read the first one's.
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
    """The model as it is now, to compare with; it is not trained and drops nothing out."""
    reference = copy.deepcopy(model)
    disable_dropout(reference)
    reference.requires_grad_(False)
    reference.train(False)
    return reference


def adapter_in_float32(model: nn.Module | None) -> None:
    """Hold what is trained of an adapter in float32.

    TRL turns the adapter of a 4-bit model to bfloat16, whose spacing is wider than most steps of the optimizer.
    """
    if isinstance(model, PeftModel):
        for weight in model.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()
