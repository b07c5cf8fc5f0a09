"""Reward models (Bradley & Terry 1952; Christiano et al. 2017), with TRL's `RewardTrainer`.

    loss = -log sigmoid(r(x, y_chosen) - r(x, y_rejected))

TRL concatenates a text to one string and appends an EOS, which an encoder does not have, or has already. Here it gets
token ids instead, which worker/training/run/ratings.py makes alike for training and for use.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from torch import Tensor, nn
from transformers import PreTrainedModel, Trainer
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import RewardTrainer

from models.model_errors import RecipeError
from worker.training.loading.loading import Loaded
from worker.training.methods.common import TokenizedRowsMixin
from worker.training.methods.held_out_means import HeldOutMeansMixin
from worker.training.run.held_out import Figures, mean, positive_share
from worker.training.run.method import Job, Rows, unwrapped
from worker.training.run.ratings import encode_rating, pad_ratings, pad_token_id, rate

_NEW_LAYER = "pre_classifier"
"""The layer below DistilBERT's head, which is as new as the head but which PEFT does not train by itself."""

_IN_BLOCK_OR_EMBEDDING = re.compile(r"\.\d+\.|embed")
"""What the names of a decoder's other norms have: a block's number, or the embeddings."""


class RewardMethod:
    """The `Method` that trains a reward model on preference pairs."""

    name = "reward"
    kind = "preference"
    classifier = True
    best_metric = "eval_accuracy"

    def build(self, job: Job) -> Trainer:
        """Build TRL's trainer on encoded pairs. Raises `RecipeError` for an encoder-decoder."""
        loaded, options = job.loaded, job.options
        if loaded.model.config.is_encoder_decoder:
            raise RecipeError("A reward model is made from an encoder or a decoder-only model, not from both in one.")
        if job.peft_config is not None and any(name.endswith(_NEW_LAYER) for name, _ in loaded.model.named_modules()):
            job.peft_config.modules_to_save = [_NEW_LAYER, *(job.peft_config.modules_to_save or ())]
        trainer = _Trainer(
            loaded.model,
            args=job.arguments(
                RewardConfig,
                max_length=None,  # rows that are too long have been left out and logged
                center_rewards_coefficient=options.center_rewards_coefficient or None,
                remove_unused_columns=False,
            ),
            data_collator=PairCollator(pad_token_id(loaded)),
            train_dataset=encoded_pairs(loaded, job.train),
            eval_dataset=encoded_pairs(loaded, job.held_out) if job.held_out else None,
            processing_class=loaded.tokenizer,
            peft_config=job.peft_config,
        )
        if not options.center_rewards_coefficient:
            _freeze_constants(unwrapped(trainer))
        return trainer

    def policy(self, trainer: Trainer) -> PreTrainedModel:
        """Return the trained classifier."""
        return unwrapped(trainer)

    def score(self, job: Job, model: PreTrainedModel) -> Figures:
        """Return `accuracy` and `margin` on the held-out pairs.

        `accuracy` is the share whose chosen text has the higher reward (ties count one half), `margin` the mean
        difference of the two rewards.
        """
        if not job.held_out:
            return {}
        chosen, rejected = (
            rate(job.loaded, model, job.held_out, column, job.options.per_device_eval_batch_size)
            for column in ("chosen", "rejected")
        )
        margins = [better - worse for better, worse in zip(chosen, rejected, strict=True)]
        return {"accuracy": positive_share(margins), "margin": mean(margins)}


METHOD = RewardMethod()


class _Trainer(HeldOutMeansMixin, TokenizedRowsMixin, RewardTrainer):
    pass


@dataclass(frozen=True)
class PairCollator:
    """Collates N encoded pairs for TRL's loss: N chosen texts, then the N rejected ones."""

    pad_token_id: int

    def __call__(self, pairs: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return matrices of 2N rows, padded on the right."""
        names = {"input_ids": "ids", "token_type_ids": "types"}
        ratings = [
            {name: pair[f"{part}_{short}"] for name, short in names.items() if f"{part}_{short}" in pair}
            for part in ("chosen", "rejected")
            for pair in pairs
        ]
        return pad_ratings(ratings, self.pad_token_id)


def encoded_pairs(loaded: Loaded, rows: Rows) -> Dataset:
    """Encode rendered pairs as `chosen_ids` and `rejected_ids`, TRL's names, and `…_types` if the model has types."""
    return Dataset.from_list(
        [
            {
                f"{part}_{name}": ids
                for part in ("chosen", "rejected")
                for name, ids in zip(
                    ("ids", "types"), encode_rating(loaded, row["prompt"], row[part]).values(), strict=False
                )
            }
            for row in rows
        ]
    )


def _freeze_constants(model: nn.Module) -> None:
    """Freeze what adds the same to every reward: it cancels out of every difference, and rounding alone would move it.

    That is the bias of the head, and in a decoder-only model such as GPT-2 that of the last norm before it.
    """
    decoder = any(name.rpartition(".")[2] == "score" for name, _ in model.named_modules())
    for name, module in model.named_modules():
        is_head = isinstance(module, nn.Linear) and module.out_features == 1
        is_last_norm = decoder and isinstance(module, nn.LayerNorm) and not _IN_BLOCK_OR_EMBEDDING.search(name)
        if (is_head or is_last_norm) and module.bias is not None:
            module.bias.requires_grad_(False)
