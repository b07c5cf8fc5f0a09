"""Trainer arguments from Mellow's options, common to every method."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import TrainingArguments
from transformers.integrations.integration_utils import get_reporting_integration_callbacks

from models.settings.command_line import TrainOptions
from worker.training.distributed.batches import share
from worker.training.processes import on_one_gpu
from worker.training.shared.training_errors import CheckpointError

Config = TypeVar("Config", bound=TrainingArguments)


def check_trackers(names: Sequence[str]) -> None:
    """Raise `CheckpointError` for a tracker that transformers does not know or that is not installed."""
    for name in names:
        try:
            known = [] if name in ("all", "none") else [name]
            for callback in get_reporting_integration_callbacks(known):  # type: ignore[no-untyped-call]
                callback()
        except (ImportError, RuntimeError, ValueError) as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise CheckpointError(f"Training cannot report to {name}: {reason}") from None


def make_arguments(
    config_class: type[Config],
    options: TrainOptions,
    learning_rate: float,
    run_dir: Path,
    *,
    held_out: bool,
    best_metric: str,
    report_to: Sequence[str] = (),
    **extra: Any,
) -> Config:
    """Return `config_class` filled from `options`; `extra`, the method's own arguments, takes precedence.

    With early stopping the model is evaluated whenever it is saved, and the best checkpoint is kept. Raises
    `CheckpointError` for a tracker that is not installed.
    """
    cuda = torch.cuda.is_available() and not options.use_cpu
    settings: dict[str, Any] = {
        "output_dir": str(run_dir),
        "learning_rate": learning_rate,
        "num_train_epochs": options.num_train_epochs,
        "max_steps": options.max_steps,
        "per_device_eval_batch_size": options.per_device_eval_batch_size,
        "activation_checkpointing": options.gradient_checkpointing,
        "optim": options.optim,
        "weight_decay": options.weight_decay,
        "lr_scheduler_type": options.lr_scheduler_type,
        "warmup_steps": options.warmup_steps,
        "max_grad_norm": options.max_grad_norm,
        "bf16": options.bf16 or (cuda and not options.fp16 and torch.cuda.is_bf16_supported()),
        "fp16": options.fp16,
        "use_cpu": not cuda,
        "dataloader_pin_memory": cuda,
        "seed": options.seed,
        "logging_steps": options.logging_steps,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,  # a loss that is NaN must reach the callback, which refuses it
        "save_strategy": "steps",
        "save_steps": options.save_steps or 0.2,  # a share of the run
        "save_total_limit": 2,
        "eval_strategy": "no" if not held_out else "steps" if options.eval_steps else "epoch",
        "eval_steps": options.eval_steps or None,
        "report_to": list(report_to),
        "disable_tqdm": True,
    }
    if options.gradient_checkpointing:
        settings["activation_checkpointing_kwargs"] = {"use_reentrant": False}
    if options.early_stopping_patience and held_out:
        settings |= {
            "eval_strategy": "steps",
            "eval_steps": settings["save_steps"],
            "load_best_model_at_end": True,
            "metric_for_best_model": best_metric.removeprefix("-"),
            "greater_is_better": not best_metric.startswith("-"),
            "restore_callback_states_from_checkpoint": True,
        }
    if "per_device_train_batch_size" not in extra:
        settings |= share(options)
    try:
        arguments = config_class(**{**settings, **extra})
    except (ImportError, ValueError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise CheckpointError(f"The training cannot be set up: {reason}") from error
    on_one_gpu(arguments)
    return arguments
