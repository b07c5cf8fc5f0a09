"""Run one method of training at a terminal: read the data, train, publish if asked, and say what came out."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.config import Settings
from app.db import make_sessions
from models.serving.generator import Sampling
from models.settings.command_line import TrainOptions
from models.store.store import ADAPTER_FOLDER, MODEL_FOLDER, SERVING_FOLDER, CheckpointStore
from worker.commands.support.console import ConsoleProgress
from worker.commands.support.data_files import columns_from
from worker.commands.support.terminal_training import check_database
from worker.job.initial_training import NOT_ASKED
from worker.publish.base_version import BASE_NUMBER
from worker.publish.release import Facts, release
from worker.studio.studio import Studio

if TYPE_CHECKING:
    from worker.training.run.data import TrainingData
    from worker.training.run.runner import Result
    from worker.training.shared.progress import Progress

_TITLES = {
    "preference_accuracy": "preference accuracy",
    "implicit_reward_accuracy": "implicit reward accuracy",
    "implicit_reward_margin": "implicit reward margin, nats",
    "chosen_nll": "-log p of chosen, nats a token",
    "accuracy": "rates chosen above rejected",
    "margin": "reward margin",
    "reward": "mean reward of samples",
    "kl": "KL from the start, nats a text",
    "completion_tokens": "tokens of a sample",
    "ended": "samples that end by themselves",
    "nll": "-log p of completions, nats a token",
    "logps/chosen": "log p of chosen, nats",
    "logps/rejected": "log p of rejected, nats",
}


def train(method: str, model: str, recipe: TrainOptions, options: argparse.Namespace, settings: Settings) -> str:
    """Train as the command line says; returns what to print. Raises RecipeError, TrainingError or MemoryError."""
    from worker.publish.convert import check_can_be_served
    from worker.training.distributed.launcher import launcher
    from worker.training.methods import method_of
    from worker.training.processes import is_main
    from worker.training.run.data import load_training_data
    from worker.training.run.runner import train as run
    from worker.training.shared.progress import SilentProgress

    chosen = method_of(method)
    publish = bool(getattr(options, "publish", False))
    if publish:
        check_can_be_served(model)
        check_database(make_sessions(settings.database_url))
    progress: Progress = ConsoleProgress() if is_main() else SilentProgress()
    data = load_training_data(
        chosen.kind,
        recipe,
        progress,
        train_files=options.train_file,
        dataset_name=options.dataset_name,
        dataset_split=options.dataset_split,
        validation_file=options.validation_file,
        data_format=options.data_format,
        ranking=options.ranking,
        weights=options.mix,
        columns=columns_from(options.columns),
    )
    try:
        training = partial(
            run,
            chosen,
            model,
            data,
            recipe,
            options.output_dir,
            report_to=options.report_to,
            resume_from=options.resume_from_checkpoint,
        )
        result = launcher(settings.training_processes)(training, recipe, progress)
        note = _publish(result, model, data, recipe, settings, progress) if publish and is_main() else ""
    finally:
        if isinstance(progress, ConsoleProgress):
            progress.end()
    return f"{summary(result)}{note}"


def summary(result: Result) -> str:
    """The held-out figures before and after, as a table, and where the model is."""
    lines = [f"{result.method}: {result.steps} steps in {result.seconds:.0f} s. The model is in {result.model_dir}."]
    if result.after:
        lines.append(f"{'held out':34}  {'before':>28}  {'after':>28}")
    for name, after in result.after.items():
        before = result.before.get(name)
        title = _TITLES.get(name, name.replace("_", " "))
        lines.append(f"{title:34}  {_shown(before):>28}  {_shown(after):>28}")
    return "\n".join(lines)


def _shown(figure: Mapping[str, float] | None) -> str:
    if figure is None:
        return "–"
    return f"{figure['value']:.4f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _publish(
    result: Result, model: str, data: TrainingData, recipe: TrainOptions, settings: Settings, progress: Progress
) -> str:
    """Publish the trained T5 as the next version of the studio, without letting it serve; the sentence to print."""
    from worker.evaluation.automatic import evaluate_staged
    from worker.publish.staging import prepare
    from worker.training.loading.rendering import texts_of

    studio = Studio.of(settings)
    parent = _version_of(model, studio.store)
    parent_serving = studio.store.folder(parent) / SERVING_FOLDER if parent is not None else None
    with studio.store.stage() as staged:
        progress.stage("converting")
        shutil.copytree(result.model_dir, staged / MODEL_FOLDER)
        adapter = result.model_dir.parent / ADAPTER_FOLDER
        if adapter.is_dir():
            shutil.copytree(adapter, staged / ADAPTER_FOLDER)
        parity = prepare(staged, map(texts_of, data.train), parent_serving, progress.log)
        metrics: dict[str, object] = {"parity": parity, "steps": result.steps}
        metrics |= {"train_loss": result.train_loss, "held_out": {"before": result.before, "after": result.after}}
        progress.stage("evaluating")
        metrics["evaluation"] = evaluate_staged(
            staged / SERVING_FOLDER,
            parent_serving,
            Sampling(settings.temperature, settings.top_p, settings.top_k),
            settings.home / "cache",
            None,
        )
        progress.stage("publishing")
        facts = Facts(
            parent=parent,
            method=result.method,
            config={**recipe.as_dict(), "base_model": model},
            data_sha256=data.sha256,
            metrics=metrics,
        )
        manifest = release(studio, staged, facts, note=NOT_ASKED, lowest=BASE_NUMBER + 1)
    return (
        f"\nVersion {manifest.number} is published and does not serve yet: an admin lets it serve on the Training page."
    )


def _version_of(model: str, store: CheckpointStore) -> int | None:
    """The number of the version whose folder `model` is, if it is one."""
    place = Path(model)
    return store.number_of(place.parent) if place.name == MODEL_FOLDER else None
