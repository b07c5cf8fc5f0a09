"""Direct Preference Optimization (Rafailov et al. 2023) on clicks.

    loss = -log sigmoid( beta * [ log p(chosen|prompt)   - log p_ref(chosen|prompt)
                                - log p(rejected|prompt) + log p_ref(rejected|prompt) ] )           (their eq. 7)

where p is the policy being trained and p_ref the parent that it starts from. Loss and trainer are those of
worker/training/methods/dpo.py, and click_training.py runs them with the penalty of anchors.py. This module adds the
checks of the preference pairs, the output folder and the figures of a run.
"""

import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from safetensors.torch import load_file
from transformers import Trainer

from models.settings.clicks import DPOClickOptions
from worker.training.clicks.click_training import train_on_clicks
from worker.training.clicks.sieve import Sieve, counted
from worker.training.distributed.launcher import Launcher, in_this_process
from worker.training.methods.dpo import DPO
from worker.training.run.method import Job
from worker.training.run.saving import ADAPTER, MODEL
from worker.training.shared.checkpoint import load_model
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.progress import REPORTED, Progress
from worker.training.shared.training_errors import CheckpointError, DatasetError
from worker.training.t5.memory import freed_memory_is_kept

WRITTEN_TIMES, MOST_WRITTEN = 5, 240
REFERENCE_BATCH_SIZE = 32
"""Pairs that the reference model scores at once, before training: switching the adapter off and on takes its time."""


@dataclass(frozen=True)
class DPOResult:
    """Figures of a finished training. Rewards are in nats times beta, as TRL logs them, averaged over the last epoch.

    `train_loss` is the DPO loss without the penalty. `policy_moved` is the largest absolute difference between a weight
    of the new model and the parent's.
    """

    examples: int
    truncated_prompts: int
    steps: int
    seconds: float
    train_loss: float
    reward_margin: float
    reward_accuracy: float
    policy_moved: float

    def as_dict(self) -> dict[str, float]:
        """Return every figure by name."""
        return asdict(self)


class ClickDPO(DPO):
    """DPO as the studio runs it: without metrics over the vocabulary, and with at least one log in a short run."""

    vocabulary_metrics = False

    def build(self, job: Job) -> Trainer:
        """Build the DPO trainer, which logs at least once; raises `CheckpointError`."""
        arguments = partial(job.arguments, logging_first_step=False, precompute_ref_batch_size=REFERENCE_BATCH_SIZE)
        trainer = super().build(replace(job, arguments=arguments))
        batches = len(trainer.get_train_dataloader())
        steps_per_epoch = math.ceil(batches / trainer.args.gradient_accumulation_steps)
        steps = math.ceil(steps_per_epoch * trainer.args.num_train_epochs)
        trainer.args.logging_steps = min(trainer.args.logging_steps, steps)
        return trainer


def train_dpo(
    parent_dir: Path | str,
    examples: Sequence[PreferenceExample],
    options: DPOClickOptions,
    output_dir: Path,
    progress: Progress,
    run_dir: Path | None = None,
    launcher: Launcher = in_this_process,
) -> DPOResult:
    """Train the model in `parent_dir` (a folder or a hub id) on `examples`, and write the new one to `output_dir`.

    `output_dir`, which must be absent or empty, receives the merged model (float32 safetensors), the tokenizer and,
    under `adapter/`, the LoRA adapter if one was trained; it receives nothing when training fails. On the CPU the same
    inputs and seed give the same weights. `run_dir`, on the same file system, keeps checkpoints to resume from; without
    it nothing is kept. `launcher` says in which processes it trains.

    Raises `DatasetError`, `CheckpointError`, `Diverged`, `NotLearning` or `Cancelled`.
    """
    with _workspace(output_dir) as work, freed_memory_is_kept():
        kept = run_dir or work / "run"
        truncated = _check_examples(examples, parent_dir, options, progress)
        rows = [asdict(example) for example in with_written_again(examples)]
        result = train_on_clicks(ClickDPO(), parent_dir, rows, options, kept, progress, REPORTED, launcher)
        _link_result(kept, output_dir)
        moved = _largest_change(output_dir, parent_dir)
    return DPOResult(
        examples=len(examples),
        truncated_prompts=truncated,
        steps=result.steps,
        seconds=result.seconds,
        train_loss=result.train_loss,
        reward_margin=result.reward_margin or 0.0,
        reward_accuracy=result.reward_accuracy or 0.0,
        policy_moved=moved,
    )


def with_written_again(examples: Sequence[PreferenceExample]) -> list[PreferenceExample]:
    """Append repetitions of the pairs whose chosen text a person wrote, so that each occurs WRITTEN_TIMES.

    Learning to write a text that the model would not sample takes more steps than learning to prefer one of its own. At
    most MOST_WRITTEN pairs are added.
    """
    written = [example for example in examples if example.written]
    times = min(WRITTEN_TIMES - 1, MOST_WRITTEN // len(written)) if written else 0
    return [*examples, *written * times]


@contextmanager
def _workspace(output_dir: Path) -> Iterator[Path]:
    """Yield a temporary folder under `output_dir`, removed at the end; after an error restore `output_dir`."""
    existed = output_dir.exists()
    if existed and any(output_dir.iterdir()):
        raise CheckpointError(f"The output folder {output_dir} is not empty.")
    output_dir.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".work-", dir=output_dir) as work:
            yield Path(work)
    except BaseException:
        shutil.rmtree(output_dir)
        if existed:
            output_dir.mkdir()
        raise


def _check_examples(
    examples: Sequence[PreferenceExample],
    parent_dir: Path | str,
    options: DPOClickOptions,
    progress: Progress,
) -> int:
    """Refuse pairs that cannot be trained on, and return how many prompts will be cut to `max_prompt_length`.

    A cut prompt still makes a fair comparison, so it is only logged; a cut completion would teach the model to stop in
    mid-sentence, so it is refused. Raises `DatasetError`, which counts each reason.
    """
    if not examples:
        raise DatasetError("There are no preference examples to train on.")
    sieve = Sieve(parent_dir, options)
    sieve.pairs(examples)
    if sieve.left_out:
        raise DatasetError(f"Of {len(examples)} preference examples {counted(sieve.left_out)}.")
    truncated = sum(len(sieve.tokens(example.prompt)) > options.max_prompt_length for example in examples)
    if truncated:
        progress.log(
            f"{truncated} of {len(examples)} prompts are cut to their first {options.max_prompt_length} tokens."
        )
    return truncated


def _link_result(run_dir: Path, output_dir: Path) -> None:
    """Link the trained model into `output_dir` and its adapter beneath it.

    config.json comes last: its presence marks the model as complete. Files are linked, not moved, because the run
    folder keeps the model until the version is published.
    """
    if (run_dir / ADAPTER).is_dir():
        shutil.copytree(run_dir / ADAPTER, output_dir / ADAPTER, copy_function=os.link)
    for path in sorted((run_dir / MODEL).iterdir(), key=lambda path: path.name == "config.json"):
        os.link(path, output_dir / path.name)


def _largest_change(child_dir: Path, parent_dir: Path | str) -> float:
    """Return the largest absolute difference between a weight in `child_dir` and the same weight of its parent."""
    before = load_model(parent_dir).state_dict()
    weights = (pair for file in child_dir.glob("*.safetensors") for pair in load_file(file).items())
    return max(float((weight - before[name]).abs().max()) for name, weight in weights)
