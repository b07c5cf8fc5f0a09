"""Odds Ratio Preference Optimization (Hong et al. 2024), with TRL's `ORPOTrainer`: one stage, no reference model.

    loss = NLL(chosen) - beta * log sigmoid( log odds(chosen) - log odds(rejected) )                      (eq. 6 and 7)
    odds(y) = p(y) / (1 - p(y)),  log p(y) = the mean log-probability of a token of y                     (eq. 3 and 4)

TRL takes decoder-only models and encoder-decoders. For a decoder-only model the first term includes the prompt's
tokens, as in the authors' code.
"""

import warnings
from typing import Any

from datasets import Dataset
from transformers import Trainer
from trl.import_utils import TRLExperimentalWarning

with warnings.catch_warnings():
    # TRL warns that everything `experimental` may change. Our TRL is pinned, and the tests detect a change.
    warnings.simplefilter("ignore", TRLExperimentalWarning)
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from models.settings.command_line import ORPOOptions
from worker.training.loading.loading import Loaded
from worker.training.methods.common import TextMethod, TokenizedRowsMixin, adapter_in_float32, tokenized
from worker.training.methods.held_out_means import HeldOutMeansMixin
from worker.training.run.method import Job, Method, Rows
from worker.training.t5.seq2seq_dpo import decoder_start_token_id, disable_dropout
from worker.training.t5.token_scores import IGNORED


class TokenIdsORPOTrainer(HeldOutMeansMixin, TokenizedRowsMixin, ORPOTrainer):
    """TRL's trainer on token ids."""

    counted = "prompt_input_ids"

    def tokenize_row(self, feature: dict[str, Any], model: Any = None) -> dict[str, Any]:
        """Return {}: the row already consists of token ids."""
        return {}


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
        )
        disable_dropout(loaded.model)
        if loaded.architecture == "seq2seq":
            loaded.model.config.decoder_start_token_id = decoder_start_token_id(loaded.model)
        trainer = TokenIdsORPOTrainer(
            loaded.model,
            args=arguments,
            processing_class=loaded.tokenizer,
            train_dataset=Dataset.from_list(orpo_rows(job.train, loaded)),
            eval_dataset=Dataset.from_list(orpo_rows(job.held_out, loaded)) if job.held_out else None,
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
