"""Odds Ratio Preference Optimization (Hong et al. 2024), with TRL's `ORPOTrainer`: one stage, no reference model.

    loss = NLL(chosen) - beta * log sigmoid( log odds(chosen) - log odds(rejected) )                      (eq. 6 and 7)
    odds(y) = p(y) / (1 - p(y)),  log p(y) = the mean log-probability of a token of y                     (eq. 3 and 4)

TRL takes decoder-only models and encoder-decoders. For a decoder-only model the first term includes the prompt's
tokens, as in the authors' code. The first term is a mean over the tokens of a batch, the second one over its pairs.

Several processes share a batch (worker/training/distributed/batches.py): what each computes of the first term counts by
its tokens, what it computes of the second one by its pairs.

A pair may have a weight, by which both its terms are multiplied (worker/training/shared/row_weights.py): each of its
tokens in the first one, over the number of tokens, and its log-sigmoid in the second one, over the number of pairs.
"""

import warnings
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from torch.nn import functional
from transformers import Trainer
from trl.import_utils import TRLExperimentalWarning

with warnings.catch_warnings():
    # TRL warns that everything `experimental` may change. Our TRL is pinned, and the tests detect a change.
    warnings.simplefilter("ignore", TRLExperimentalWarning)
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from models.settings.command_line import ORPOOptions
from worker.training.distributed.batches import SharedBatchesMixin, averaged, joint, weight_of
from worker.training.loading.loading import Loaded
from worker.training.methods.common import TextMethod, TokenizedRowsMixin, adapter_in_float32, tokenized
from worker.training.methods.held_out_means import HeldOutMeansMixin
from worker.training.run.method import Job, Method, Rows
from worker.training.shared.examples import WEIGHT
from worker.training.shared.row_weights import are_weighted, with_weights
from worker.training.t5.seq2seq_dpo import decoder_start_token_id, disable_dropout
from worker.training.t5.token_scores import IGNORED


class TokenIdsORPOTrainer(HeldOutMeansMixin, TokenizedRowsMixin, SharedBatchesMixin, ORPOTrainer):
    """TRL's trainer on token ids, with weights of pairs."""

    counted = "prompt_input_ids"
    _pair_weights: Tensor | None = None
    """The weights of the pairs of the present batch (N); None if its rows have none."""
    _pairs_weight = 1.0
    """What a mean over the pairs of the present batch weighs among those of all processes."""

    def get_batch_loss_metrics(self, model: Any, batch: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute loss and metrics, the loss weighted if the batch has weights."""
        weights, pairs = batch.get(WEIGHT), len(batch[self.counted])
        self._pair_weights = None if weights is None else torch.tensor(weights, device=self.accelerator.device)
        self._pairs_weight = weight_of(pairs)
        figures: dict[str, list[float]] = {}
        with averaged(self.accelerator, figures, pairs):
            loss, metrics = super().get_batch_loss_metrics(model, batch, *args, **kwargs)
            figures |= {name: [value] for name, value in metrics.items()}
        return loss, {name: value for name, (value,) in figures.items()}

    def concatenated_forward(self, model: Any, batch: Any) -> Any:
        """Run the model as TRL does; the fifth of what it returns, the NLL of the chosen texts, is weighted."""
        answer: Any = super().concatenated_forward(model, batch)
        labels = self._scored(batch)
        nll = answer[4] if self._pair_weights is None else _weighted_nll(answer[2], labels, self._pair_weights)
        return (*answer[:4], nll * weight_of(int((labels != IGNORED).sum())), *answer[5:])

    def odds_ratio_loss(self, *log_probs: Any) -> Any:
        """Compute TRL's odds ratio loss of each pair, times its weight; the last two are its means over the pairs."""
        answer: Any = super().odds_ratio_loss(*log_probs)
        losses, chosen, rejected, *means = answer
        losses = losses if self._pair_weights is None else losses * self._pair_weights
        return (losses * self._pairs_weight, chosen, rejected, *(mean * self._pairs_weight for mean in means))

    def _scored(self, batch: Any) -> Tensor:
        """Return the labels of the chosen texts that the NLL is a mean over (N, columns), IGNORED where there is none.

        For a decoder-only model they are the tokens of prompt and completion.
        """
        if self.is_encoder_decoder:
            labels: Tensor = batch["chosen_labels"]
            return labels
        ids: Tensor = batch["chosen_input_ids"].masked_fill(batch["chosen_attention_mask"] == 0, IGNORED)
        return ids[:, 1:]

    def tokenize_row(self, feature: dict[str, Any], model: Any = None) -> dict[str, Any]:
        """Return {}: the row already consists of token ids."""
        return {}


def _weighted_nll(scores: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Return the NLL of the chosen texts in nats, from scores (N, columns, V) of the tokens that TRL scores."""
    scores = scores[:, : labels.shape[1]]  # the rest is beside longer rejected texts
    by_token = functional.cross_entropy(scores.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none")
    loss: Tensor = (by_token.sum(1) * weights).sum() / (labels != IGNORED).sum()
    return loss


class ORPO(TextMethod):
    """ORPO on pairs of a chosen and a rejected text."""

    name = "orpo"
    kind = "preference"
    best_metric = "eval_rewards/margins"

    def build(self, job: Job) -> Trainer:
        """Build TRL's trainer."""
        options: ORPOOptions = job.options
        loaded = job.loaded
        arguments = job.arguments(
            ORPOConfig,
            beta=options.beta,
            max_length=options.max_prompt_length + options.max_completion_length,
            max_completion_length=options.max_completion_length,
            disable_dropout=False,  # done below for the model alone; this switch would also disable LoRA's
            remove_unused_columns=False,
            **joint(options),
        )
        disable_dropout(loaded.model)
        train, held_out = orpo_rows(job.train, loaded), orpo_rows(job.held_out, loaded)
        if are_weighted(job.train):
            train, held_out = with_weights(train, job.train), with_weights(held_out, job.held_out)
        if loaded.architecture == "seq2seq":
            loaded.model.config.decoder_start_token_id = decoder_start_token_id(loaded.model)
        trainer = TokenIdsORPOTrainer(
            loaded.model,
            args=arguments,
            processing_class=loaded.tokenizer,
            train_dataset=Dataset.from_list(train),
            eval_dataset=Dataset.from_list(held_out) if held_out else None,
            peft_config=job.peft_config,
        )
        adapter_in_float32(trainer.model)
        return trainer


def orpo_rows(rows: Rows, loaded: Loaded) -> list[dict[str, list[int]]]:
    """Tokenize rendered preference rows to the columns that TRL's collator pads.

    An encoder-decoder gets the prompt and two rows of labels; a decoder-only model gets two sequences of prompt and
    completion, with labels that ignore the prompt.
    """
    made = []
    for ids in tokenized(rows, loaded, ("chosen", "rejected")):
        prompt = ids["prompt_ids"]
        row = {"prompt_input_ids": prompt, "prompt_attention_mask": [1] * len(prompt)}
        for name in ("chosen", "rejected"):
            completion = ids[f"{name}_ids"]
            if loaded.architecture == "seq2seq":
                row[f"{name}_labels"] = completion
                continue
            row[f"{name}_input_ids"] = [*prompt, *completion]
            row[f"{name}_attention_mask"] = [1] * (len(prompt) + len(completion))
            row[f"{name}_labels"] = [IGNORED] * len(prompt) + completion
        made.append(row)
    return made


METHOD: Method = ORPO()
