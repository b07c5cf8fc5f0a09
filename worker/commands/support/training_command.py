"""The common parts of the commands that train: their flags, and running one method on one file of data."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from app.config import Settings
from models.model_errors import RecipeError
from models.settings.command_line import METHOD_OPTIONS
from models.store.opening import open_store
from models.store.store import MODEL_FOLDER
from worker.commands.support.flags import add_config_flag, add_option_flags, options_from

WRITTEN = """\
what is written:
  OUTPUT_DIR/model       the trained model with its tokenizer, any adapter merged in
  OUTPUT_DIR/adapter     the LoRA adapter alone, with --use_peft
  OUTPUT_DIR/result.json what was trained on what, and the held-out figures before and after, with intervals
  A training that was interrupted, by Ctrl-C or kill -9, goes on from its last whole checkpoint when the same command
  is given again.
"""


def add_training_flags(method: str, makes_t5: bool, parser: argparse.ArgumentParser) -> None:
    """Add the flags of a training by `method`; one that `makes_t5` starts from Mellow's own and can publish it."""
    add_config_flag(parser)
    add_data_flags(parser, default_model="Mellow's own T5" if makes_t5 else "")
    output = parser.add_argument_group("output")
    output.add_argument("--output_dir", type=Path, required=True, metavar="DIR", help="where the result goes")
    add_resume_flags(output)
    if makes_t5:
        output.add_argument(
            "--publish",
            action="store_true",
            help="publish the trained T5 as the studio's next version; it serves once an admin says so",
        )
    add_option_flags(parser, method, METHOD_OPTIONS[method])


def add_data_flags(parser: argparse.ArgumentParser, default_model: str) -> None:
    """Add the flags that name the model and the data."""
    group = parser.add_argument_group("model and data")
    group.add_argument(
        "--model_name_or_path",
        default="",
        required=not default_model,
        metavar="MODEL",
        help="a folder, a hub id, an adapter, a .gguf, or version:N of the studio"
        + (f" (default: {default_model})" if default_model else ""),
    )
    group.add_argument(
        "--train_file",
        nargs="+",
        default=[],
        metavar="FILE",
        help=".jsonl, .json, .csv, .tsv or .parquet in any format that `data check` knows; NAME=FILE for --mix",
    )
    group.add_argument("--dataset_name", default="", metavar="NAME", help="a dataset of the hub, or a folder with one")
    group.add_argument("--dataset_split", default="train", metavar="NAME", help="its split (default: train)")
    group.add_argument("--validation_file", default="", metavar="FILE", help="hold out these rows, not a share")
    group.add_argument(
        "--data_format", default="auto", metavar="NAME", help="the format, where it is not to be guessed"
    )
    group.add_argument(
        "--columns", nargs="+", default=[], metavar="FIELD=COLUMN", help="columns of other names: prompt=question"
    )
    group.add_argument(
        "--ranking",
        choices=("best-vs-rest", "all", "adjacent"),
        default="best-vs-rest",
        help="which pairs are made of ranked responses (default: best-vs-rest)",
    )
    group.add_argument(
        "--mix",
        default="",
        metavar="NAME=WEIGHT,…",
        help="draw rows of several objectives in these proportions, such as helpful=0.5,harmless=0.3,truthful=0.2",
    )


def add_resume_flags(group: argparse._ArgumentGroup) -> None:
    """Add the flags about going on after an interruption, and about trackers."""
    group.add_argument(
        "--resume_from_checkpoint",
        default="latest",
        metavar="latest|no|DIR",
        help="the checkpoint of this training to go on from (default: the latest; no starts over)",
    )
    group.add_argument(
        "--report_to",
        nargs="+",
        default=[],
        metavar="TRACKER",
        help="also report to trackers that are installed: tensorboard, wandb, mlflow",
    )


def run_method(method: str, options: argparse.Namespace) -> int:
    """Train, and print what came out; 130 after Ctrl-C."""
    recipe = options_from(options, METHOD_OPTIONS[method])
    if bool(options.train_file) == bool(options.dataset_name):
        raise RecipeError("Name the data with --train_file or with --dataset_name, one of them.")
    if getattr(recipe, "reward_model_path", None) == "":
        raise RecipeError("reward_model_path is missing: name the output folder of a training with `reward`.")
    settings = Settings.from_env()
    from worker.commands.support import terminal_methods
    from worker.training.processes import is_main

    model = resolve_model(options.model_name_or_path, settings)
    try:
        result = terminal_methods.train(method, model, recipe, options, settings)
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from the last checkpoint.", file=sys.stderr)
        return 130
    except MemoryError as error:
        print(str(error) or "Memory ran out: lower per_device_train_batch_size.", file=sys.stderr)
        return 1
    if is_main():
        print(result)
    return 0


def resolve_model(name: str, settings: Settings) -> str:
    """The folder or hub id of a model: `version:3` is what the studio published as 3, nothing the embedded T5."""
    if name.startswith("version:"):
        number = name.removeprefix("version:")
        if not number.isdigit():
            raise RecipeError(f"{name} names no version: write version:3, for example.")
        return str(open_store(settings).folder(int(number)) / MODEL_FOLDER)
    chosen = name or settings.base_model
    return str(Path(chosen).resolve()) if os.path.exists(chosen) else chosen
