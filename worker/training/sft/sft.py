"""Initial training: supervised fine-tuning (SFT) of a T5 on pairs of a source and its target.

    loss = -log p(target | source), a mean over the target's tokens

It teaches a model its task before people's clicks refine it. `train_sft` is the recipe; the functions below it are its
steps. Repeating the call of an interrupted run resumes from its last complete checkpoint and ends with the same
weights.

The checkpoint with the lowest dev loss is kept, not the one with the best chrF: where rewrites keep most of their
source's words, as in detoxification, chrF rates a model that copies its input above people's own rewrites (72.5 against
69.4 on ParaDetox's dev sources), while a copy has a poor likelihood.
"""

import copy
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Seq2SeqTrainingArguments,
)

from models.formats.files.pair_files import PairFile
from models.settings.sft import SFTRecipe
from models.store.trained_on import TrainedOn
from worker.training import processes
from worker.training.distributed.batches import joint
from worker.training.distributed.sharding import check_weights_are_whole
from worker.training.processes import on_one_gpu
from worker.training.sft.sft_data import SFTData, data_sha256, prepare_data
from worker.training.sft.sft_trainer import SFTProgress, SFTTrainer
from worker.training.shared.checkpoint import load_model, load_tokenizer, save_checkpoint
from worker.training.shared.generation_flags import drop_ignored_flags
from worker.training.shared.lora import linear_layers, lora_config
from worker.training.shared.progress import Progress
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.run_folder import checkpoint_to_resume, run_folder
from worker.training.shared.training_errors import Cancelled, CheckpointError, Diverged, NotLearning, ParityError
from worker.training.shared.training_loss import TrainingLoss
from worker.training.t5.parallel.threads import threads_worth_waking
from worker.training.t5.scoring import mean_token_log_prob

_CHECKED_PAIRS = 4
_TOLERANCE = 1e-3
"""The largest difference between the trained and the saved model that rounding explains, in nats a token."""


@dataclass(frozen=True)
class SFTResult:
    """Figures of a finished training.

    Losses are in nats per token, chrF is 0 to 100; `parent_…` are those before training.

    The dev scores are those of the kept checkpoint, at `best_step`; NaN if nothing is held out.
    """

    pairs: int
    dev_sources: int
    steps: int
    best_step: int
    seconds: float
    train_loss: float
    dev_loss: float
    dev_chrf: float
    parent_dev_loss: float
    parent_dev_chrf: float

    def as_dict(self) -> dict[str, float]:
        """Return every figure that was measured, by name."""
        return {name: value for name, value in asdict(self).items() if math.isfinite(value)}


def train_sft(
    base: Path | str,
    file: PairFile,
    validation: PairFile | None,
    recipe: SFTRecipe,
    run_dir: Path,
    output_dir: Path,
    progress: Progress,
    report_to: Sequence[str] = (),
    resume_from: str = "latest",
    known: TrainedOn | None = None,
) -> SFTResult:
    """Train the model in `base` (a folder, or a hub id) on the pairs of `file`, and write the best to `output_dir`.

    `run_dir` keeps the checkpoints: a complete one of this very training is resumed. The caller removes it when the
    result is safe. `resume_from` may name a checkpoint in it, or be `no` to start over. `output_dir`, which must be
    staged, receives the model (float32 safetensors), the tokenizer and, for LoRA, `adapter/`; the record of what it
    was trained on (models/store/trained_on.py) goes beside it. `report_to` names trackers that transformers knows, such
    as `tensorboard`. `known` is what the model was trained on before; without it, its own record is read.

    Raises `PairFileError`, `DatasetError`, `CheckpointError`, `Diverged`, `NotLearning`, `ParityError`, `Cancelled`,
    or `MemoryError` if the GPU has too little memory.
    """
    started = time.monotonic()
    check_weights_are_whole()
    with quiet(), ExitStack() as undo:
        progress.stage("reading the data")
        tokenizer = load_tokenizer(base)
        data = prepare_data(file, validation, recipe, tokenizer, progress, known or TrainedOn.read(Path(base)))
        digest = data_sha256(file, validation)
        identity = {"base": str(base), "data_sha256": digest, "recipe": recipe.as_dict()}
        folder = run_folder(run_dir, identity, progress, start_over=resume_from == "no")
        with processes.entered_by_first(folder):
            progress.stage("loading")
            model = load_model(base)
            drop_ignored_flags(model, progress.log)
            undo.enter_context(threads_worth_waking(model.config))
            parent_config = copy.deepcopy(model.config)
            checkpoint = checkpoint_to_resume(run_dir, resume_from)
            trainer, callback, losses = _build_trainer(
                model, tokenizer, data, recipe, run_dir, progress, report_to, checkpoint
            )
            train_loss = losses.mean(_train(trainer, callback, checkpoint, progress))

            if processes.is_main():
                progress.stage("saving")
                trained = _finish(trainer, recipe, output_dir)
                _check_moved(trained, base, recipe, trainer.state.global_step)
                trained.config = parent_config  # training switches off the generation cache in its own
                save_checkpoint(trained, tokenizer, output_dir)
                _check_delivered(trained, tokenizer, file.pairs[:_CHECKED_PAIRS], output_dir)
                data.trained_on.write(output_dir.parent)
            processes.wait_for_all()
    return _result(trainer, data, train_loss, time.monotonic() - started, progress)


def _train(trainer: SFTTrainer, callback: SFTProgress, checkpoint: Path | None, progress: Progress) -> float:
    """Train from the start or from `checkpoint`; return the mean training loss of the steps since then."""
    if processes.said_by_first(progress.cancelled()):
        raise Cancelled("The run was cancelled before its first step.")
    progress.stage("training")
    if checkpoint is not None:
        step = int(checkpoint.name.removeprefix("checkpoint-"))
        progress.log(f"Training goes on from step {step}.")
        progress.checkpoint(step)
    try:
        outcome = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.OutOfMemoryError:
        raise MemoryError("The GPU ran out of memory: lower per_device_train_batch_size.") from None
    if callback.stopped:
        raise Cancelled(f"The run was cancelled after step {trainer.state.global_step}.")
    return float(outcome.training_loss)


def _build_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    data: SFTData,
    recipe: SFTRecipe,
    run_dir: Path,
    progress: Progress,
    report_to: Sequence[str],
    checkpoint: Path | None,
) -> tuple[SFTTrainer, SFTProgress, TrainingLoss]:
    """Set up transformers' trainer by the recipe, on the GPU in bfloat16 if there is one, else on the CPU."""
    callback = SFTProgress(progress)
    callbacks: list[Any] = []
    if recipe.early_stopping_patience and data.dev:
        callbacks.append(EarlyStoppingCallback(recipe.early_stopping_patience))
    policy: Any = model
    if recipe.use_peft:
        torch.manual_seed(recipe.seed)
        policy = get_peft_model(model, lora_config(model, recipe.lora_r, recipe.lora_alpha, 0.0))
    try:
        args = _arguments(recipe, run_dir, bool(data.dev), report_to, checkpoint is not None)
        trainer = SFTTrainer(policy, args, data, tokenizer, recipe, callbacks)
    except (ImportError, RuntimeError, ValueError) as error:
        if not report_to:
            raise
        raise CheckpointError(f"Training cannot report to {', '.join(report_to)}: {error}") from None
    losses = TrainingLoss(trainer, checkpoint, progress)  # writes before the callback completes a checkpoint
    trainer.add_callback(callback)
    trainer.remove_callback(PrinterCallback)
    return trainer, callback, losses


def _arguments(
    recipe: SFTRecipe, run_dir: Path, has_dev: bool, report_to: Sequence[str], resumed: bool
) -> Seq2SeqTrainingArguments:
    """Return the arguments of transformers' trainer."""
    cuda = torch.cuda.is_available()
    every = "steps" if recipe.save_steps else "epoch"
    arguments = Seq2SeqTrainingArguments(
        output_dir=str(run_dir),
        num_train_epochs=recipe.num_train_epochs,
        learning_rate=recipe.learning_rate,
        optim=recipe.optim,
        lr_scheduler_type=recipe.lr_scheduler_type,
        warmup_steps=recipe.warmup_steps,
        max_grad_norm=recipe.max_grad_norm,
        **joint(recipe),  # type: ignore[arg-type]  # two numbers
        save_strategy=every,
        save_steps=recipe.save_steps or 500,
        save_total_limit=2,  # the latest and the best; if they are the same, the previous one too
        eval_strategy=every if has_dev else "no",
        eval_steps=recipe.save_steps or None,
        eval_on_start=has_dev and not resumed,
        load_best_model_at_end=has_dev,
        metric_for_best_model=recipe.metric_for_best_model if has_dev else None,
        greater_is_better=recipe.metric_for_best_model == "chrf" if has_dev else None,
        restore_callback_states_from_checkpoint=bool(recipe.early_stopping_patience and has_dev),
        logging_steps=recipe.logging_steps,
        logging_first_step=True,
        logging_nan_inf_filter=False,  # a loss that is NaN must reach the callback, which refuses it
        seed=recipe.seed,
        use_cpu=not cuda,
        bf16=recipe.bf16 or (cuda and torch.cuda.is_bf16_supported()),
        dataloader_pin_memory=cuda,
        remove_unused_columns=False,
        report_to=list(report_to),
        disable_tqdm=True,
    )
    on_one_gpu(arguments)
    return arguments


def _finish(trainer: SFTTrainer, recipe: SFTRecipe, output_dir: Path) -> PreTrainedModel:
    """Return the trained model on the CPU, with its adapter merged and also written to `output_dir/adapter`."""
    policy: Any = trainer.accelerator.unwrap_model(trainer.model)
    if recipe.use_peft:
        adapter = output_dir / "adapter"
        policy.save_pretrained(adapter)
        (adapter / "README.md").unlink()  # PEFT's card is an unfilled form
        policy = policy.merge_and_unload()
    model: PreTrainedModel = policy.to("cpu")
    return model


def _check_moved(trained: PreTrainedModel, base: Path | str, recipe: SFTRecipe, steps: int) -> None:
    """Raise `NotLearning` unless every trained tensor differs from the base's, and `Diverged` if one is not finite."""
    before = dict(load_model(base).named_parameters())
    adapted = set(linear_layers(trained)) if recipe.use_peft else set()
    names, unchanged = 0, []
    for name, weight in trained.named_parameters():
        if recipe.use_peft and name.removesuffix(".weight").rpartition(".")[2] not in adapted:
            continue
        names += 1
        change = float((weight.detach().float() - before[name].detach()).abs().max())
        if not math.isfinite(change):
            raise Diverged("Training left weights that are no numbers: lower learning_rate.")
        if change == 0:
            unchanged.append(name)
    if unchanged:
        raise NotLearning(
            f"{len(unchanged)} of {names} trained weights did not move in {steps} steps with learning_rate "
            f"{recipe.learning_rate:g} and warmup_steps {recipe.warmup_steps:g}, {unchanged[0]} among them."
        )


def _check_delivered(
    trained: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, pairs: Sequence[tuple[str, str]], folder: Path
) -> None:
    """Raise `ParityError` unless the files in `folder` give some pairs the likelihood that the trained model gives."""
    measured = mean_token_log_prob(trained, tokenizer, pairs)
    found = abs(mean_token_log_prob(load_model(folder), load_tokenizer(folder), pairs) - measured)
    if not found <= _TOLERANCE:
        raise ParityError(
            f"The saved model is another one than was trained: they differ by {found:.3g} nats a token. Nothing was "
            "kept but the checkpoints."
        )


def _result(trainer: SFTTrainer, data: SFTData, train_loss: float, seconds: float, progress: Progress) -> SFTResult:
    """Summarize the run from the trainer's own log, and log it if training did not lower the dev loss."""
    state = trainer.state
    best = state.best_global_step or state.global_step
    scores: dict[int, Mapping[str, float]] = {
        int(entry["step"]): entry for entry in state.log_history if "eval_loss" in entry
    }
    if scores:
        progress.log(f"The checkpoint of step {best} is kept.")
    none: Mapping[str, float] = {}
    kept, before = scores.get(best, none), scores.get(0, none)
    if kept and before and kept["eval_loss"] >= before["eval_loss"]:
        progress.log("The dev loss is not lower than before training: the model learned nothing that carries over.")
    return SFTResult(
        pairs=len(data.train),
        dev_sources=len(data.dev_references),
        steps=state.global_step,
        best_step=best,
        seconds=seconds,
        train_loss=train_loss,
        dev_loss=kept.get("eval_loss", math.nan),
        dev_chrf=kept.get("eval_chrf", math.nan),
        parent_dev_loss=before.get("eval_loss", math.nan),
        parent_dev_chrf=before.get("eval_chrf", math.nan),
    )
