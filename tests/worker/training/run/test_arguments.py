"""Every setting reaches the trainer, and the model is evaluated as often as the settings say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainingArguments
from transformers.trainer_utils import IntervalStrategy

from models.settings.command_line import DPOOptions
from worker.training.run.arguments import check_trackers, make_arguments
from worker.training.shared.training_errors import CheckpointError

HANDED_ON: dict[str, Any] = {
    "num_train_epochs": 2.5,
    "max_steps": 7,
    "per_device_train_batch_size": 3,
    "per_device_eval_batch_size": 5,
    "gradient_accumulation_steps": 2,
    "optim": "adafactor",
    "weight_decay": 0.03,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 4,
    "max_grad_norm": 0.7,
    "seed": 11,
    "logging_steps": 6,
    "save_steps": 9,
}


def made(
    folder: Path, settings: dict[str, Any] | None = None, *, held_out: bool = True, best: str = "eval_loss", **more: Any
) -> TrainingArguments:
    """The arguments of a training on the processor."""
    options = DPOOptions.from_mapping({"use_cpu": True, **(settings or {})})
    return make_arguments(TrainingArguments, options, 2e-4, folder, held_out=held_out, best_metric=best, **more)


def test_every_setting_reaches_the_trainer(tmp_path: Path) -> None:
    arguments = made(tmp_path, HANDED_ON)
    assert {name: getattr(arguments, name) for name in HANDED_ON} == HANDED_ON
    assert (arguments.output_dir, arguments.learning_rate) == (str(tmp_path), 2e-4)
    assert (arguments.use_cpu, arguments.dataloader_pin_memory, arguments.disable_tqdm) == (True, False, True)
    assert (arguments.logging_first_step, arguments.logging_nan_inf_filter) == (True, False)
    assert (arguments.save_strategy, arguments.save_total_limit) == (IntervalStrategy.STEPS, 2)
    assert (arguments.bf16, arguments.fp16, arguments.report_to) == (False, False, [])


def test_without_a_number_of_steps_a_checkpoint_is_saved_after_each_fifth_of_the_run(tmp_path: Path) -> None:
    assert made(tmp_path, {"save_steps": 0}).save_steps == 0.2


def test_weights_may_be_computed_again_instead_of_being_kept_and_in_bfloat16(tmp_path: Path) -> None:
    settings = {"gradient_checkpointing": True, "bf16": True}
    arguments = made(tmp_path, settings)
    assert (arguments.activation_checkpointing, arguments.bf16) == (True, True)
    assert arguments.activation_checkpointing_kwargs == {"use_reentrant": False}
    plain = made(tmp_path)
    assert (plain.activation_checkpointing, plain.activation_checkpointing_kwargs) == (False, None)


@pytest.mark.parametrize(
    ("settings", "held_out", "strategy", "steps"),
    [
        ({"eval_steps": 4}, True, IntervalStrategy.STEPS, 4),
        ({"eval_steps": 0}, True, IntervalStrategy.EPOCH, None),
        ({"eval_steps": 4}, False, IntervalStrategy.NO, 4),
        ({"early_stopping_patience": 2, "save_steps": 5, "eval_steps": 4}, True, IntervalStrategy.STEPS, 5),
    ],
)
def test_what_is_held_out_is_looked_at_as_often_as_asked_and_with_early_stopping_at_each_checkpoint(
    tmp_path: Path, settings: dict[str, Any], held_out: bool, strategy: IntervalStrategy, steps: int | None
) -> None:
    arguments = made(tmp_path, settings, held_out=held_out)
    assert (arguments.eval_strategy, arguments.eval_steps) == (strategy, steps)


@pytest.mark.parametrize(("best", "name", "greater"), [("-eval_loss", "eval_loss", False), ("eval_x", "eval_x", True)])
def test_with_early_stopping_the_best_checkpoint_is_kept_by_a_figure_that_rises_or_falls(
    tmp_path: Path, best: str, name: str, greater: bool
) -> None:
    arguments = made(tmp_path, {"early_stopping_patience": 2}, best=best)
    assert (arguments.load_best_model_at_end, arguments.restore_callback_states_from_checkpoint) == (True, True)
    assert (arguments.metric_for_best_model, arguments.greater_is_better) == (name, greater)
    for settings, held_out in (({}, True), ({"early_stopping_patience": 2}, False)):
        assert not made(tmp_path, settings, held_out=held_out, best=best).load_best_model_at_end


def test_what_a_method_adds_goes_before_and_a_setting_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    assert made(tmp_path, HANDED_ON, max_steps=1, remove_unused_columns=False).max_steps == 1
    with pytest.raises(CheckpointError, match=r"^The training cannot be set up: .*nearly"):
        made(tmp_path, lr_scheduler_type="nearly")


@pytest.mark.skipif(torch.cuda.is_available(), reason="the processor is what is asked for")
def test_trackers_that_there_are_not_are_named() -> None:
    check_trackers(["all", "none"])
    with pytest.raises(CheckpointError, match=r"^Training cannot report to no-such-tracker: "):
        check_trackers(["none", "no-such-tracker"])
