"""What a run is told by its trainer, and what it tells its trainer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerControl, TrainerState, TrainingArguments

from tests.worker.conftest import RecordingProgress
from worker.training.run.callbacks import RunCallback
from worker.training.shared.training_errors import Diverged


@pytest.fixture
def args(tmp_path: Path) -> TrainingArguments:
    return TrainingArguments(str(tmp_path), use_cpu=True, report_to=[])


STATE = TrainerState(global_step=3, max_steps=10)


def log(args: TrainingArguments, values: dict[str, Any] | None) -> RecordingProgress:
    """What is reported of the metrics of a trainer."""
    progress = RecordingProgress()
    RunCallback(progress).on_log(args, STATE, TrainerControl(), values)
    return progress


def test_numbers_are_passed_on_and_what_is_held_out_is_said(args: TrainingArguments) -> None:
    told = {
        "loss": 1,
        "eval_loss": 0.5,
        "eval_rewards/accuracies": 0.75,
        "eval_rewards/margins": 0.12345,
        "eval_reward": 2.0,
        "eval_kl": 0.1,
    }
    bookkeeping = {"epoch": 0.5, "train_samples_per_second": 3.0, "total_flos": 1.0, "num_tokens": 7, "name": "a"}
    progress = log(args, told | bookkeeping)
    assert progress.reports == [(3, told)]
    assert progress.lines == [
        "Step 3, held out: loss 0.5000, accuracy 0.7500, margin 0.1235, reward 2.0000, KL 0.1000."
    ]
    one, two = log(args, {"eval_accuracy": 0.5, "eval_margin": 0.25}), log(args, {"loss": 0.5})
    assert one.lines == ["Step 3, held out: accuracy 0.5000, margin 0.2500."]
    assert two.lines == []


@pytest.mark.parametrize("values", [None, {}, {"epoch": 1.0}, {"loss": 0.5, "train_runtime": 3.0}])
def test_the_last_words_of_a_trainer_are_not_passed_on(args: TrainingArguments, values: Any) -> None:
    progress = log(args, values)
    assert (progress.reports, progress.lines) == ([], [])


@pytest.mark.parametrize(("name", "value"), [("loss", "nan"), ("eval_loss", "inf")])
def test_a_loss_that_is_no_number_ends_the_run_in_one_sentence(args: TrainingArguments, name: str, value: str) -> None:
    with pytest.raises(Diverged) as ended:
        log(args, {name: float(value), "eval_kl": float("nan")})
    assert str(ended.value) == f"The {name} is {value} at step 3: lower learning_rate."
    assert log(args, {"eval_kl": float("nan")}).lines == ["Step 3, held out: KL nan."]


def test_a_cancelled_run_is_neither_evaluated_nor_saved(args: TrainingArguments) -> None:
    progress = RecordingProgress(cancel_after=2)
    callback = RunCallback(progress)
    control = TrainerControl(should_evaluate=True, should_save=True)
    callback.on_step_end(args, STATE, control)
    assert (control.should_training_stop, control.should_evaluate, control.should_save) == (False, True, True)
    callback.on_step_end(args, STATE, control)
    assert (control.should_training_stop, control.should_evaluate, control.should_save) == (True, False, False)
    assert (progress.steps, callback.stopped) == ([(3, 10), (3, 10)], True)
    control.should_evaluate = control.should_save = True
    callback.on_epoch_end(args, STATE, control)
    assert (control.should_evaluate, control.should_save) == (False, False)


@pytest.mark.parametrize("ends", ["on_step_end", "on_epoch_end"])
def test_an_evaluation_leaves_the_random_numbers_as_they_were(args: TrainingArguments, ends: str) -> None:
    callback, control = RunCallback(RecordingProgress()), TrainerControl(should_evaluate=True)
    torch.manual_seed(1)
    getattr(callback, ends)(args, STATE, control)
    expected = torch.rand(1, generator=torch.Generator().manual_seed(1))
    torch.rand(5)
    callback.on_evaluate(args, STATE, control)
    assert torch.rand(1) == expected
    callback.on_evaluate(args, STATE, control)  # one that no step asked for
    assert torch.rand(1) != expected


@pytest.mark.parametrize("main", [True, False])
def test_a_checkpoint_is_marked_as_complete_by_the_first_process_alone(args: TrainingArguments, main: bool) -> None:
    folder = Path(str(args.output_dir)) / "checkpoint-3"
    folder.mkdir()
    progress = RecordingProgress()
    RunCallback(progress, main).on_save(args, STATE, TrainerControl())
    assert progress.checkpoints == ([3] if main else [])
    assert len(list(folder.iterdir())) == main
