"""The runner of one training with any method: from rows and a model to a checkpoint and its metrics.

    output_dir/checkpoint-120/   checkpoints to resume from; removed at the end
    output_dir/adapter/          the LoRA adapter, if one was trained
    output_dir/model/            the trained model, any adapter merged in, with its tokenizer
    output_dir/trained_on.safetensors   what it was trained on, with what the model was trained on before
    output_dir/result.json       model, data and settings, and the held-out metrics before and after

Repeating the call of an interrupted run resumes from its last complete checkpoint.
"""

import copy
import json
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig
from torch import nn
from transformers import EarlyStoppingCallback, PreTrainedModel, PrinterCallback, Trainer

from models.model_errors import RecipeError
from models.settings.command_line import TrainOptions, default_learning_rate
from models.store.trained_on import TrainedOn
from worker.training import processes
from worker.training.distributed.sharding import check_weights_are_whole
from worker.training.loading.adapters import with_trainable_adapter
from worker.training.loading.loading import Loaded, load_model_and_tokenizer
from worker.training.loading.rendering import render
from worker.training.run.arguments import check_trackers, make_arguments
from worker.training.run.callbacks import RunCallback
from worker.training.run.data import TrainingData, fit, without_known
from worker.training.run.delivered import DeliveredCheck
from worker.training.run.held_out import Figures, PairScores, objective_figures, score_pairs
from worker.training.run.method import Job, Method
from worker.training.run.saving import ADAPTER, MODEL, saved, saved_adapter
from worker.training.run.weight_change import check_moved, fingerprint
from worker.training.shared.generation_flags import drop_ignored_flags
from worker.training.shared.lora import lora_config
from worker.training.shared.progress import Progress
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.run_folder import checkpoint_to_resume, run_folder, write_small
from worker.training.shared.training_errors import Cancelled, CheckpointError
from worker.training.shared.training_loss import TrainingLoss
from worker.training.t5.parallel.threads import threads_worth_waking
from worker.training.t5.seq2seq_head import on_two_cores

RESULT = "result.json"
_START = "start.json"
_TASKS = {"seq2seq": "SEQ_2_SEQ_LM", "causal": "CAUSAL_LM", "classifier": "SEQ_CLS"}


@dataclass(frozen=True)
class Result:
    """The outcome of a run; `before` and `after` are the held-out metrics, each with its interval."""

    method: str
    steps: int
    seconds: float
    peak_memory_bytes: int
    train_loss: float
    before: Figures
    after: Figures
    model_dir: Path


def train(
    method: Method,
    model: Path | str,
    data: TrainingData,
    options: TrainOptions,
    output_dir: Path,
    progress: Progress,
    *,
    report_to: Sequence[str] = (),
    resume_from: str = "latest",
    adapter: Path | None = None,
    whole: bool = True,
) -> Result:
    """Train `model` (a folder, a hub id, a GGUF or an adapter) on `data` with `method`, and write to `output_dir`.

    `resume_from` may name a checkpoint in `output_dir`, or be `no` to start over. A model that came from an earlier run
    gets that run as its parent in the report, with the round counted up, and is the reference model of this one. With
    `adapter`, a folder, that adapter of the model is trained further, and the model with it is the reference. Without
    `whole` the adapter alone is written. Raises `TrainingError` of any kind, or `MemoryError`.
    """
    started = time.monotonic()
    check_weights_are_whole()
    known = TrainedOn.read(Path(model)) or TrainedOn()
    made = output_dir / (MODEL if whole else ADAPTER)
    if made.exists():
        raise CheckpointError(f"{made} is there already: choose another output folder.")
    check_trackers(report_to)
    identity = {
        "method": method.name,
        "model": str(model),
        "data_sha256": data.sha256,
        "options": options.as_dict(),
        **({} if adapter is None else {"adapter": str(adapter)}),
    }
    with (
        quiet(),
        processes.entered_by_first(run_folder(output_dir, identity, progress, start_over=resume_from == "no")),
        _scratch() as work,
        ExitStack() as undo,
    ):
        progress.stage("loading")
        loaded = load_model_and_tokenizer(model, options, classifier=method.classifier)
        if loaded.model.dtype == torch.float16 and not options.use_peft:
            raise RecipeError(
                "Weights in float16 cannot be trained, since small numbers vanish: load them in float32, or train an "
                "adapter beside them (use_peft)."
            )
        drop_ignored_flags(loaded.model, progress.log)
        undo.enter_context(threads_worth_waking(loaded.model.config))
        if adapter is not None:
            loaded = replace(loaded, model=with_trainable_adapter(loaded.model, adapter, loaded.source))
        _to_training_device(loaded, options)
        config = copy.deepcopy(loaded.model.config)
        rate = options.step_size(default_learning_rate(method.name, _rate_architecture(loaded), options.use_peft))
        data = fit(without_known(data, known, progress), loaded, options, progress)
        job = Job(
            loaded=loaded,
            train=render(data.train, loaded),
            held_out=render(data.held_out, loaded),
            options=options,
            learning_rate=rate,
            work=work,
            progress=progress,
            arguments=partial(
                make_arguments,
                options=options,
                learning_rate=rate,
                run_dir=output_dir,
                held_out=bool(data.held_out),
                best_metric=method.best_metric,
                report_to=report_to,
            ),
            peft_config=_adapter(loaded, options) if options.use_peft and adapter is None else None,
        )
        checkpoint = checkpoint_to_resume(output_dir, resume_from)
        start, start_pairs = _score_before(method, job, data, output_dir, resumed=checkpoint is not None)
        trainer, callback, losses = _trainer(method, job, checkpoint)
        before = fingerprint(cast(nn.Module, trainer.model))
        with on_two_cores(trainer.model):
            loss = losses.mean(_run(trainer, callback, checkpoint, progress))
        network = cast(nn.Module, trainer.model)
        check_moved(network, before, _steps_kept(trainer), rate, options.warmup_steps, options.optim)

        policy = method.policy(trainer)
        if _is_scored(data):
            progress.stage("scoring")
        after = {**method.score(job, policy), **_pair_figures_after(loaded, policy, data, start_pairs)}
        progress.stage("saving")
        result = Result(
            method=method.name,
            steps=trainer.state.global_step,
            seconds=time.monotonic() - started,
            peak_memory_bytes=_peak_memory(),
            train_loss=loss,
            before=start,
            after=after,
            model_dir=made,
        )
        if processes.is_main():
            check = DeliveredCheck(loaded, policy, data, options)
            with (
                saved(policy, loaded, config, options, output_dir)
                if whole
                else saved_adapter(policy, loaded, output_dir)
            ) as draft:
                difference = check.difference(draft)
                report = _report(result, identity, data, report_to) | {"saved_difference": difference}
                known.including(row["prompt"] for row in data.train).write(output_dir)
                write_small(output_dir / RESULT, json.dumps(report, indent=2))
            if options.load_in_4bit:
                progress.log(f"Saved without quantization, it differs from what was measured by {difference:.2g}.")
            for folder in output_dir.glob("checkpoint-*"):
                shutil.rmtree(folder)
            (output_dir / _START).unlink(missing_ok=True)
        processes.wait_for_all()
    return result


def _trainer(method: Method, job: Job, checkpoint: Path | None) -> tuple[Trainer, RunCallback, TrainingLoss]:
    """Build the method's trainer, and add our callbacks."""
    torch.manual_seed(job.options.seed)  # initializes a new adapter
    job.progress.stage("preparing")
    trainer = method.build(job)
    callback = RunCallback(job.progress, processes.is_main())
    losses = TrainingLoss(trainer, checkpoint, job.progress)  # writes before the callback completes a checkpoint
    trainer.add_callback(callback)
    trainer.remove_callback(PrinterCallback)
    if job.options.early_stopping_patience and job.held_out:
        trainer.add_callback(EarlyStoppingCallback(job.options.early_stopping_patience))
    return trainer, callback, losses


def _run(trainer: Trainer, callback: RunCallback, checkpoint: Path | None, progress: Progress) -> float:
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
        raise MemoryError(
            "The GPU ran out of memory: lower per_device_train_batch_size, or try --config low-memory."
        ) from None
    if callback.stopped:
        raise Cancelled(f"The run was cancelled after step {trainer.state.global_step}.")
    return float(outcome.training_loss)


def _to_training_device(loaded: Loaded, options: TrainOptions) -> None:
    """Move the model to its training device before it is first scored; quantized weights are there already."""
    if torch.cuda.is_available() and not options.use_cpu and not options.load_in_4bit:
        loaded.model.to(torch.device("cuda", processes.local_rank()))  # type: ignore[arg-type]  # stub of a decorator


def _rate_architecture(loaded: Loaded) -> str:
    """Return the architecture that determines the learning rate.

    A classifier may be a decoder-only model with a head.
    """
    if loaded.architecture == "classifier" and loaded.tokenizer.cls_token is None:
        return "causal"
    return loaded.architecture


def _steps_kept(trainer: Trainer) -> int:
    """Return the number of steps behind the kept model: with early stopping, those to the best checkpoint."""
    best = trainer.state.best_global_step if trainer.args.load_best_model_at_end else None
    return best or trainer.state.global_step


def _adapter(loaded: Loaded, options: TrainOptions) -> LoraConfig:
    return lora_config(
        loaded.model,
        options.lora_r,
        options.lora_alpha,
        options.lora_dropout,
        task_type=_TASKS[loaded.architecture],
        target_modules=options.lora_target_modules,
    )


def _score_before(
    method: Method, job: Job, data: TrainingData, output_dir: Path, resumed: bool
) -> tuple[Figures, PairScores | None]:
    """Return the held-out metrics before the first step, read from the file of a resumed run, and their pair scores."""
    if _is_scored(data):
        job.progress.stage("scoring")
    pairs = score_pairs(job.loaded, job.loaded.model, data.pairs) if _scores_pairs(job.loaded, data) else None
    file = output_dir / _START
    if resumed and file.exists():
        known: Figures = json.loads(file.read_text(encoding="utf-8"))
        return known, pairs
    figures = {**method.score(job, job.loaded.model), **(objective_figures(data.pairs, pairs) if pairs else {})}
    if processes.is_main():
        write_small(file, json.dumps(figures))
    return figures, pairs


def _pair_figures_after(
    loaded: Loaded, policy: PreTrainedModel, data: TrainingData, start: PairScores | None
) -> Figures:
    """Return the metrics of held-out pairs after training."""
    if start is None:
        return {}
    return objective_figures(data.pairs, score_pairs(loaded, policy, data.pairs), start)


def _is_scored(data: TrainingData) -> bool:
    return bool(data.held_out or data.pairs)


def _scores_pairs(loaded: Loaded, data: TrainingData) -> bool:
    return loaded.architecture != "classifier" and bool(data.pairs)


def _report(result: Result, identity: dict[str, Any], data: TrainingData, report_to: Sequence[str]) -> dict[str, Any]:
    """Return the contents of result.json."""
    return {
        **identity,
        **lineage(identity["model"]),
        "processes": processes.count(),
        "data": data.summary,
        "steps": result.steps,
        "seconds": round(result.seconds, 1),
        "peak_memory_bytes": result.peak_memory_bytes,
        "train_loss": result.train_loss,
        "before": result.before,
        "after": result.after,
        "report_to": list(report_to),
    }


def lineage(model: str) -> dict[str, object]:
    """Return the run that produced `model` and the number of this round: 1 for a model from elsewhere."""
    folder = Path(model).parent
    try:
        known = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        return {"parent": str(folder), "round": int(known["round"]) + 1}
    except (OSError, ValueError, KeyError, TypeError):
        return {"parent": model, "round": 1}


@contextmanager
def _scratch() -> Iterator[Path]:
    """Yield a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="mellow-train-") as work:
        yield Path(work)


def _peak_memory() -> int:
    """Return the peak memory in bytes: the GPU's if there is one, else this process's and its largest child's.

    The child that computes a part of each batch has ended by now. What both share is counted twice.
    """
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    processes_of = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(who).ru_maxrss * 1024 for who in processes_of)
