"""transformers' `Seq2SeqTrainer` for pairs of any length, with bit-exact resumption.

Its loop, optimizer, scheduler and checkpoints are used unchanged. Ours are the order of the batches (a function of seed
and epoch alone, so that a resumed epoch is the same epoch), the loss (a mean over tokens, also with gradient
accumulation), Adafactor's scaling, the dev scores, and the mark of a complete checkpoint.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from sacrebleu.metrics.chrf import CHRF
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset, Sampler
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Seq2SeqTrainer,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.optimization import Adafactor

from models.settings.sft import SFTRecipe
from worker.training import processes
from worker.training.distributed.batches import SharedBatchesMixin
from worker.training.loading.generation import without_generation_settings
from worker.training.sft.sft_data import SFTData, TokenPair, longest_first
from worker.training.shared.checkpoint import encode, truncate
from worker.training.shared.progress import REPORTED, ProgressCallback
from worker.training.shared.run_folder import finish_checkpoint
from worker.training.shared.training_errors import Diverged
from worker.training.t5.scoring import token_log_probs
from worker.training.t5.seq2seq_dpo import decoder_start_token_id

IGNORED = -100
"""The label of padding, which cross_entropy skips."""
DEV_TEXTS = 100
"""The number of held-out sources rewritten for chrF: enough to rank epochs, few enough to take seconds."""
DEV_BATCH = 32
_BUCKET = 50
_SCORES = {"eval_loss": "dev_loss", "eval_chrf": "dev_chrf"}


class PairDataset(Dataset[TokenPair]):
    """Token pairs as a torch dataset."""

    def __init__(self, pairs: Sequence[TokenPair]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> TokenPair:
        return self.pairs[index]


class LengthGroupedSampler(Sampler[int]):
    """Sampler of indices with neighbours of similar length: shuffled, then sorted within every 50 batches.

    The order depends on `seed` and the epoch alone. The batch with the longest pair comes first, so that a batch that
    does not fit into memory fails at once. The user of the sampler should cut batches of `batch_size`.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Use the order of that epoch from the next iteration on."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Yield every index once."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        shuffled = torch.randperm(len(self.lengths), generator=generator).tolist()
        size = self.batch_size * _BUCKET
        buckets = [shuffled[first : first + size] for first in range(0, len(shuffled), size)]
        ordered = [index for bucket in buckets for index in sorted(bucket, key=self.lengths.__getitem__, reverse=True)]
        batches = [ordered[first : first + self.batch_size] for first in range(0, len(ordered), self.batch_size)]
        last = batches.pop() if len(batches[-1]) < self.batch_size else []
        order = torch.randperm(len(batches), generator=generator).tolist()
        if order:
            longest = max(order, key=lambda place: self.lengths[batches[place][0]])
            order.insert(0, order.pop(order.index(longest)))
        return iter([index for place in order for index in batches[place]] + last)


def collate(pairs: Sequence[TokenPair], pad: int, start: int) -> dict[str, torch.Tensor]:
    """Collate a batch, padded to its longest pair.

    `input_ids` and `attention_mask` are (batch, source length); `labels`, with IGNORED for padding, and
    `decoder_input_ids`, the labels shifted right behind `start`, are (batch, target length).
    """
    sources = [torch.tensor(pair.input_ids) for pair in pairs]
    targets = [torch.tensor(pair.labels) for pair in pairs]
    padded = pad_sequence(targets, batch_first=True, padding_value=pad)
    return {
        "input_ids": pad_sequence(sources, batch_first=True, padding_value=pad),
        "attention_mask": pad_sequence([torch.ones_like(row) for row in sources], batch_first=True),
        "decoder_input_ids": torch.cat([torch.full((len(padded), 1), start), padded[:, :-1]], dim=1),
        "labels": pad_sequence(targets, batch_first=True, padding_value=IGNORED),
    }


def token_loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
    """Return the negative log-likelihood of the labels in nats, per token.

    It is divided by `num_items_in_batch` (default: the number of labels). `outputs.logits` is (batch, length,
    vocabulary), `labels` (batch, length).
    """
    total = cross_entropy(outputs.logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / (num_items_in_batch if num_items_in_batch is not None else labels.ne(IGNORED).sum())


class SFTTrainer(SharedBatchesMixin, Seq2SeqTrainer):
    """The trainer of one run; `data.dev` and `data.dev_references` are the dev set of its checkpoints.

    Several processes share its batches, and each computes the dev scores.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: Any,
        data: SFTData,
        tokenizer: PreTrainedTokenizerFast,
        recipe: SFTRecipe,
        callbacks: list[Any],
    ) -> None:
        self.data, self.tokenizer, self.max_source_length = data, tokenizer, recipe.max_source_length
        self.batch_rows = recipe.per_device_train_batch_size
        pad, start = int(model.config.pad_token_id or 0), decoder_start_token_id(model)
        super().__init__(
            model=model,
            args=args,
            data_collator=lambda pairs: collate(pairs, pad, start),
            train_dataset=PairDataset(data.train),
            eval_dataset=PairDataset(data.dev) if data.dev else None,
            compute_loss_func=token_loss,
            callbacks=callbacks,
        )

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Create the optimizer; for Adafactor, with steps scaled by the weights' size, as for T5.

        That is Shazeer and Stern 2018, algorithm 4. transformers switches it off, and then a learning rate of 1e-3
        destroys what a trained model knows. For LoRA it is off: an adapter begins at zero and would hardly leave it.
        """
        if self.optimizer is None and self.args.optim == "adafactor" and isinstance(self.model, PreTrainedModel):
            adafactor: Any = Adafactor
            self.optimizer = adafactor(
                self.model.parameters(), lr=self.args.learning_rate, scale_parameter=True, relative_step=False
            )
        optimizer: torch.optim.Optimizer = super().create_optimizer(model)
        return optimizer

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        lengths = [len(pair.input_ids) + len(pair.labels) for pair in self.data.train]
        return LengthGroupedSampler(lengths, self.batch_rows, self.args.seed)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Return the dev scores of the current model: `eval_loss`, nats per token, and `eval_chrf`, 0 to 100."""
        model = self.accelerator.unwrap_model(self.model)
        # Means over the processes, which compute almost the same, so that all choose the same checkpoint.
        scores = {"eval_loss": processes.mean(dev_loss(model, self.data.dev))}
        if not math.isfinite(scores["eval_loss"]):
            raise Diverged(f"The dev loss is {scores['eval_loss']} at step {self.state.global_step}.")
        references = dict(list(self.data.dev_references.items())[:DEV_TEXTS])
        chrf = dev_chrf(model, self.tokenizer, references, self.max_source_length)
        scores["eval_chrf"] = processes.mean(chrf)
        self.log(dict(scores))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, scores)
        return scores


def dev_loss(model: PreTrainedModel, pairs: Sequence[TokenPair]) -> float:
    """Return the mean negative log-likelihood of a target token of `pairs`, in nats, EOS included."""
    ordered = longest_first(pairs)
    rows = token_log_probs(model, [pair.input_ids for pair in ordered], [pair.labels for pair in ordered], DEV_BATCH)
    return -math.fsum(value for row in rows for value in row) / sum(map(len, rows))


@torch.no_grad()
def dev_chrf(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    references: Mapping[str, Sequence[str]],
    max_source_length: int,
) -> float:
    """Return the mean chrF (Popović 2015), 0 to 100, of greedy rewrites against their references."""
    sources = sorted(references, key=len)
    start, pad = decoder_start_token_id(model), int(model.config.pad_token_id or 0)
    outputs: list[str] = []
    was_training = model.training
    model.train(False)
    for first in range(0, len(sources), DEV_BATCH):
        rows = [
            torch.tensor(truncate(encode(tokenizer, source), max_source_length))
            for source in sources[first : first + DEV_BATCH]
        ]
        ids = pad_sequence(rows, batch_first=True, padding_value=pad)
        mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
        with without_generation_settings(model):
            written = model.generate(  # type: ignore[operator]  # transformers gives the method to some models only
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                num_beams=1,
                do_sample=False,
                use_cache=True,
                max_new_tokens=ids.shape[1] * 2 + 16,
                decoder_start_token_id=start,
                pad_token_id=pad,
                eos_token_id=tokenizer.eos_token_id,
            )
        outputs += [str(tokenizer.decode(row, skip_special_tokens=True)).strip() for row in written]
    model.train(was_training)
    scorer = CHRF()
    scores = [
        scorer.sentence_score(output, list(references[source])).score
        for source, output in zip(sources, outputs, strict=True)
    ]
    return math.fsum(scores) / len(scores)


class SFTProgress(ProgressCallback):
    """Forwards losses and dev scores, and marks each checkpoint as complete once it is written."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Forward the metrics; raises `Diverged` if the loss is not finite."""
        super().on_log(args, state, control, logs, **kwargs)
        scores = {ours: float(logs[theirs]) for theirs, ours in _SCORES.items() if logs and theirs in logs}
        if scores:
            self.progress.metrics(state.global_step, scores)
            self.progress.log(
                f"Step {state.global_step}: dev loss {scores['dev_loss']:.4f}, chrF {scores['dev_chrf']:.1f}."
            )

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Report the step, and stop a cancelled run without evaluating or saving it."""
        super().on_step_end(args, state, control, **kwargs)
        self._skip_if_stopped(control)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Skip the evaluation of an epoch that a cancellation cut short."""
        self._skip_if_stopped(control)

    def _skip_if_stopped(self, control: TrainerControl) -> None:
        if self.stopped:
            control.should_evaluate = control.should_save = False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Report again the metrics from before the checkpoint of a resumed run."""
        for entry in state.log_history:
            names = {**{name: name for name in REPORTED}, **_SCORES}
            values = {ours: float(entry[theirs]) for theirs, ours in names.items() if theirs in entry}
            if values:
                self.progress.metrics(int(entry["step"]), values)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Mark the checkpoint that was just written as complete, and report it."""
        processes.wait_for_all()  # each has written the state of its random generators
        if processes.is_main():
            finish_checkpoint(str(args.output_dir), state.global_step)
            self.progress.checkpoint(state.global_step)
