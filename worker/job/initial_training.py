"""Initial training (SFT) from data to a version, for the queue's job and for `python -m worker sft`.

    pairs → SFT → convert, check → held-out quality → publish → (gate) → move the alias

Checkpoints lie in a run folder of the store until the run ends, so that an interrupted run can be resumed. A model that
starts from outside the studio has no parent to be compared with, so it passes no gate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.config import EMBEDDED_BASE_MODEL, Settings
from models.formats.files.pair_columns import Columns
from models.formats.files.pair_files import PairFile, read_pairs_from
from models.serving.generator import Sampling
from models.settings.sft import SFTPlan, SFTRecipe
from models.store.manifest import Manifest
from models.store.store import MODEL_FOLDER, SERVING_FOLDER, CheckpointStore
from models.store.trained_on import TrainedOn
from worker.publish.release import Facts

if TYPE_CHECKING:
    from worker.training.shared.progress import Progress

MAX_SFT_DROP = 0.02
"""The share of its parent's held-out quality that a version may lose and still go live by itself."""
NOT_ASKED = "The version was published and is not live, as was asked."


@dataclass(frozen=True)
class InitialTraining:
    """One initial training: its base (a folder or a hub id), data and recipe.

    `parent` is the base's version number, None if it is not a version. `origin` goes into the manifest beside the
    recipe: the source of base and data. `serve` is False if the version must not go live. `known` is what the base was
    trained on, if that is known otherwise than by its record.
    """

    base: Path | str
    parent: int | None
    file: PairFile
    validation: PairFile | None
    recipe: SFTRecipe
    serve: bool = True
    origin: Mapping[str, Any] = field(default_factory=dict)
    report_to: tuple[str, ...] = ()
    resume_from: str = "latest"
    known: TrainedOn | None = None

    @property
    def config(self) -> dict[str, Any]:
        """Return the configuration that the manifest keeps."""
        return {**self.recipe.as_dict(), **self.origin, "base_model": str(self.base), "serve": self.serve}


def from_plan(plan: SFTPlan, store: CheckpointStore) -> InitialTraining:
    """Return the training that a run of the studio asks for; raises ModelError if its data or its base is missing."""
    body, name = store.uploads.read(plan.dataset)
    file = read_pairs_from(body, name, Columns(plan.source_column, plan.target_column))
    base: Path | str = plan.model_name_or_path or EMBEDDED_BASE_MODEL
    if plan.version:
        base = store.folder(plan.version) / MODEL_FOLDER
    return InitialTraining(base, plan.version or None, file, None, plan.recipe, plan.serve, {"dataset": plan.dataset})


def train(
    training: InitialTraining,
    settings: Settings,
    run_dir: Path,
    staged: Path,
    progress: Progress,
) -> Facts:
    """Train, convert and evaluate in the staged folder, and return the facts for the manifest.

    Raises TrainingError, PairFileError or MemoryError.
    """
    from worker.publish import staging
    from worker.publish.convert import check_can_be_served
    from worker.training.distributed.launcher import launcher
    from worker.training.sft.sft import train_sft
    from worker.training.sft.sft_data import data_sha256
    from worker.training.shared.progress import stop_if_cancelled

    check_can_be_served(training.base)
    launch = launcher(settings.training_processes)
    result = launch(
        partial(
            train_sft,
            training.base,
            training.file,
            training.validation,
            training.recipe,
            run_dir,
            staged / MODEL_FOLDER,
            report_to=training.report_to,
            resume_from=training.resume_from,
            known=training.known,
        ),
        training.recipe,
        progress,
    )
    progress.stage("converting")
    parity = staging.prepare(staged, training.file.pairs, _parent_serving(training), progress.log)
    stop_if_cancelled(progress)
    progress.stage("evaluating")
    file = training.file
    data = {"rows": file.row_count, "rows_left_out": file.problem_count, "repeated_pairs": file.duplicates}
    metrics: dict[str, Any] = {**data, **result.as_dict(), **_heldout(training, staged), "parity": parity}
    metrics["evaluation"] = _evaluate(training, settings, staged, progress)
    stop_if_cancelled(progress)
    return Facts(
        parent=training.parent,
        method=SFTRecipe.method,
        config=training.config,
        data_sha256=data_sha256(training.file, training.validation),
        metrics=metrics,
    )


def note(version: Manifest | Facts) -> str | None:
    """Return why a version of initial training must not go live, as a sentence for its run, or None if it may."""
    if not version.config.get("serve", True):
        return NOT_ASKED
    change = version.metrics.get("heldout_relative_change")
    if change is not None and change < -MAX_SFT_DROP:
        return (
            f"The version was published but is not live. Held-out quality fell by {-change:.1%} against version "
            f"{version.parent}, more than the {MAX_SFT_DROP:.0%} allowed. If the data teaches another task, that "
            "is to be expected: make it live on the Training page."
        )
    return None


def _parent_serving(training: InitialTraining) -> Path | None:
    return Path(training.base).parent / SERVING_FOLDER if training.parent is not None else None


def _evaluate(training: InitialTraining, settings: Settings, staged: Path, progress: Progress) -> dict[str, Any]:
    """Evaluate the staged version as every version is, compared with its parent if it has one."""
    from worker.evaluation.automatic import evaluate_staged
    from worker.training.shared.progress import stop_if_cancelled

    report = evaluate_staged(
        staged / SERVING_FOLDER,
        _parent_serving(training),
        Sampling(settings.temperature, settings.top_p, settings.top_k),
        settings.home / "cache",
        None,
        check=lambda: stop_if_cancelled(progress),
    )
    if "problem" in report:
        progress.log(report["problem"])
    return report


def _heldout(training: InitialTraining, staged: Path) -> dict[str, Any]:
    """Return the held-out quality of the new model and of its parent, if any (see `gate.evaluate_version`)."""
    from models.texts.heldout import heldout_pairs
    from worker.training.shared.checkpoint import load_model, load_tokenizer
    from worker.training.t5.scoring import mean_token_log_prob

    def quality(folder: Path | str) -> float:
        return math.exp(mean_token_log_prob(load_model(folder), load_tokenizer(folder), heldout_pairs()))

    metrics: dict[str, Any] = {"heldout_quality": quality(staged / MODEL_FOLDER)}
    if training.parent is not None:
        metrics["parent_heldout_quality"] = quality(training.base)
        metrics["heldout_relative_change"] = metrics["heldout_quality"] / metrics["parent_heldout_quality"] - 1
    return metrics
