"""Several trainings in a row, each on what the one before left: supervised fine-tuning, a reward model, preferences.

    output_dir/sft/  reward/  dpo/    a folder a stage, as its own command would write it
    output_dir/weights.json           the hashes of the models that each stage began with
    output_dir/evaluation.json        the start model and the policy of every stage, scored on the same held-out rows

A stage that is complete is not run again, and one that was killed goes on: the same command resumes the whole. What a
stage began with is told by the content of the models, so that a stage is not taken for complete, nor gone on with, when
one before it was made anew at the same place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.formats import rows_sha256
from models.model_errors import RecipeError
from models.settings.command_line import METHOD_OPTIONS, TrainOptions
from models.store.manifest import hash_file, hash_folder
from worker.commands.support.data_files import columns_from

if TYPE_CHECKING:
    from worker.training.distributed.launcher import Launcher
    from worker.training.run.data import TrainingData
    from worker.training.shared.progress import Progress

REWARD = "reward"
EVALUATE = "evaluate"
WEIGHTS = "weights.json"
STAGES = (*METHOD_OPTIONS, EVALUATE)
DATA_KEYS = (
    "train_file",
    "dataset_name",
    "dataset_split",
    "validation_file",
    "data_format",
    "ranking",
    "mix",
    "columns",
)
PLAN_KEYS = ("model_name_or_path", "reward_model_name_or_path", "stages")


@dataclass(frozen=True)
class Stage:
    """One training of a pipeline: its method, its settings, and its data as the flags of the commands name them."""

    method: str
    options: TrainOptions
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """A whole pipeline. `evaluate` says whether all policies are compared at the end."""

    model: str
    reward_model: str
    stages: Sequence[Stage]
    evaluate: bool = True

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any], default_model: str) -> Plan:
        """The plan that parsed YAML describes; raises `RecipeError`.

        Top-level settings are those of every stage that knows them; a key that is a stage's name holds its own.
        """
        names = settings.get("stages") or ["sft", REWARD, "dpo", EVALUATE]
        if not isinstance(names, list) or not names or any(name not in STAGES for name in names):
            raise RecipeError(f"stages must be a list of {', '.join(STAGES)}.")
        if len(set(names)) < len(names):
            raise RecipeError("A stage can stand in a pipeline once.")
        if EVALUATE in names[:-1]:
            raise RecipeError("evaluate must be the last stage.")
        methods = [name for name in names if name != EVALUATE]
        common = {key: value for key, value in settings.items() if key not in (*PLAN_KEYS, *STAGES)}
        _check_keys(common, methods)
        for name in STAGES:
            if name in settings and not isinstance(settings[name], dict):
                raise RecipeError(f"{name} must hold settings, one `name: value` a line.")
        stages = [_stage(name, common, settings.get(name) or {}) for name in methods]
        reward_model = str(settings.get("reward_model_name_or_path") or "")
        if REWARD in methods and not reward_model:
            raise RecipeError("The stage reward needs reward_model_name_or_path, such as distilbert-base-uncased.")
        model = str(settings.get("model_name_or_path") or default_model)
        return cls(model, reward_model, stages, EVALUATE in names)


def _check_keys(common: Mapping[str, Any], methods: Sequence[str]) -> None:
    known = {name for method in methods for name in METHOD_OPTIONS[method].settings()} | set(DATA_KEYS)
    for key in common:
        if key not in known:
            raise RecipeError(f"{key} is not a setting of this pipeline.")


def _stage(method: str, common: Mapping[str, Any], own: Mapping[str, Any]) -> Stage:
    kind = METHOD_OPTIONS[method]
    shared = {key: value for key, value in common.items() if key in kind.settings()}
    data = {key: value for key, value in {**common, **own}.items() if key in DATA_KEYS}
    if bool(data.get("train_file")) == bool(data.get("dataset_name")):
        raise RecipeError(f"The stage {method} needs its data: a train_file or a dataset_name, one of them.")
    files = data.get("train_file", [])
    data["train_file"] = [files] if isinstance(files, str) else list(files)
    try:
        options = kind.from_mapping({**shared, **{key: value for key, value in own.items() if key not in DATA_KEYS}})
    except RecipeError as error:
        raise RecipeError(f"In the stage {method}: {error}") from None
    return Stage(method, options, data)


def run(plan: Plan, output_dir: Path, progress: Progress, launch: Launcher, report_to: Sequence[str] = ()) -> str:
    """Run what is not done yet; returns what to print. Raises RecipeError, TrainingError or MemoryError.

    `launch` starts the processes of each training.
    """
    from worker.training.methods import method_of
    from worker.training.run.runner import train as train_one
    from worker.training.run.saving import MODEL

    policy, reward, policies = plan.model, "", {"start": plan.model}
    said = []
    for stage in plan.stages:
        folder = output_dir / stage.method
        is_reward = stage.method == REWARD
        options = stage.options
        if reward and hasattr(options, "reward_model_path") and not options.reward_model_path:
            options = replace(options, reward_model_path=reward)  # type: ignore[call-arg]  # of the methods that have it
        progress.log(f"Stage {stage.method}.")
        method, model = method_of(stage.method), plan.reward_model if is_reward else policy
        data = _data(method.kind, stage, options, progress)
        _check_weights(output_dir, stage.method, {"model": model, **_other_models(options)})
        if _is_done(folder, stage.method, data.sha256, options):
            progress.log(f"The stage {stage.method} is complete already.")
        else:
            training = partial(train_one, method, model, data, options, folder, report_to=report_to)
            launch(training, options, progress)
        said.append(_line(folder))
        if is_reward:
            reward = str(folder / MODEL)
        else:
            policy = str(folder / MODEL)
            policies[stage.method] = policy
    if plan.evaluate:
        said.append(_evaluate(plan, policies, reward, output_dir, progress))
    return "\n".join(said)


def _data(kind: str, stage: Stage, options: TrainOptions, progress: Progress) -> TrainingData:
    from worker.training.run.data import load_training_data

    data = stage.data
    return load_training_data(
        kind,
        options,
        progress,
        train_files=data["train_file"],
        dataset_name=data.get("dataset_name", ""),
        dataset_split=data.get("dataset_split", "train"),
        validation_file=data.get("validation_file", ""),
        data_format=data.get("data_format", "auto"),
        ranking=data.get("ranking", "best-vs-rest"),
        weights=data.get("mix", ""),
        columns=columns_from(data.get("columns", [])),
    )


def _other_models(options: TrainOptions) -> dict[str, str]:
    """Return the models that a stage reads beside the one that it trains, by the settings that name them."""
    found = {name: str(getattr(options, name, "")) for name in ("ref_model", "reward_model_path")}
    return {name: model for name, model in found.items() if model}


def _check_weights(output_dir: Path, method: str, read: Mapping[str, str]) -> None:
    """Keep the hashes of the models that a stage reads, named by `read`, before its first step.

    Raises RecipeError if the stage was begun with others.
    """
    from worker.training.processes import is_main
    from worker.training.run.saving import MODEL
    from worker.training.shared.run_folder import last_whole_checkpoint, write_small

    file, folder = output_dir / WEIGHTS, output_dir / method
    known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    found = {name: weights_sha256(model) for name, model in read.items()}
    begun = (folder / MODEL).is_dir() or last_whole_checkpoint(folder) is not None
    if begun and known.get(method) != found:
        raise RecipeError(
            f"{folder} was trained from other weights than those that are there now: remove it, so that the stage is "
            "trained anew, or choose another output folder."
        )
    if not begun and is_main():
        output_dir.mkdir(parents=True, exist_ok=True)
        write_small(file, json.dumps({**known, method: found}, indent=2))


def weights_sha256(model: str) -> str:
    """Return the hash of the files of a model, a folder or one file; for a model of the hub its name."""
    path = Path(model)
    if path.is_file():
        return hash_file(path)
    if not path.is_dir():
        return model
    return rows_sha256(sorted(hash_folder(path).items()))


def _is_done(folder: Path, method: str, data_sha256: str, options: TrainOptions) -> bool:
    """Return whether `folder` holds the result of this very stage; raises RecipeError if it holds another's."""
    from worker.training.run.runner import RESULT
    from worker.training.run.saving import MODEL

    if not (folder / MODEL).is_dir():
        return False
    known = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    wanted = {"method": method, "data_sha256": data_sha256, "options": options.as_dict()}
    differing = [name for name, value in wanted.items() if known.get(name) != value]
    if differing:
        raise RecipeError(
            f"{folder} holds the result of another training, which differs in {', '.join(differing)}: choose another "
            "output folder, or remove that one."
        )
    return True


def _line(folder: Path) -> str:
    from worker.training.run.runner import RESULT

    known = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return f"{known['method']}: {known['steps']} steps in {known['seconds']:.0f} s, in {folder}."


def _evaluate(plan: Plan, policies: Mapping[str, str], reward: str, output_dir: Path, progress: Progress) -> str:
    """Score the start model and every policy on the held-out rows of the last stage; returns a table."""
    from worker.commands.support.compare_runs import compare, table
    from worker.training.shared.run_folder import write_small

    last = [stage for stage in plan.stages if stage.method != REWARD][-1:]
    if not last:
        return ""
    progress.stage("evaluating")
    data = _data("prompt", last[0], last[0].options, progress)
    figures = compare(policies, data, reward, last[0].options, progress)
    write_small(output_dir / "evaluation.json", json.dumps(figures, indent=2))
    return table(figures)
