"""`python -m worker sft`: initial training of any T5 on any file of pairs, to a version that serves."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from app.config import Settings
from models.formats.files.pair_columns import Columns
from models.formats.files.pair_files import PairFile, read_pair_file, read_pairs_of
from models.model_errors import RecipeError
from models.settings.sft import SFTRecipe
from models.store.opening import open_store
from worker.commands.support.command import Command
from worker.commands.support.data_files import columns_from
from worker.commands.support.flags import add_config_flag, add_flag, options_from

_DESCRIPTION = """\
Teach a T5 its task from pairs of a text and its rewrite, before people's clicks refine it. (With a decoder-only model
this is the command sft-chat, whose --help has its settings.)

The model may be the one that comes with Mellow (the default), a folder, or a hub id: T5, T5 v1.1, Flan-T5, mT5. The
pairs come from a file or from a dataset of the Hugging Face hub. One source in twenty is held out; the checkpoint with
the best score on those is converted, checked against the trained model, published as the next version, and serves.

A training that was interrupted, by Ctrl-C or by kill -9, goes on from its last whole checkpoint when the same command
is given again.
"""
_EPILOG = """\
files:
  .tsv, .csv or .jsonl in UTF-8. The header, or the keys of a line, may be source/target, toxic/neutral1, neutral2 ...
  (each a rewrite of its own), prompt/completion, instruction/input/output, input/output or text/rewrite;
  --source_column and --target_column name others. Without any of these the first two columns are taken. Rows that
  cannot be used are reported with their lines; if they are more than half, nothing is trained.

examples:
  python -m worker sft --train_file pairs.tsv
  python -m worker sft --model_name_or_path t5-small --dataset_name s-nlp/paradetox --num_train_epochs 20
  python -m worker sft --train_file pairs.csv --source_column before --target_column after --optim adamw_torch
      --learning_rate 3e-4 --no_serve
"""
_KEPT_SECONDS = 7 * 24 * 3600
"""For so long the files of an interrupted training are kept, for the same command to go on from."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
    add_config_flag(parser)
    _add_data(parser.add_argument_group("model and data"))
    recipe = parser.add_argument_group("recipe")
    for setting in SFTRecipe.settings().values():
        add_flag(recipe, setting)
    output = parser.add_argument_group("output")
    output.add_argument(
        "--output_dir",
        type=Path,
        help="keep the checkpoints here and, at the end, the model itself, in the folder `model` "
        "(default: a folder in the checkpoint store, removed at the end)",
    )
    output.add_argument(
        "--resume_from_checkpoint",
        default="latest",
        metavar="latest|no|DIR",
        help="the checkpoint of this training to go on from (default: the latest; no starts over)",
    )
    output.add_argument("--no_publish", action="store_true", help="only write --output_dir; publish nothing")
    output.add_argument("--no_serve", action="store_true", help="publish, but leave the version that serves")
    output.add_argument(
        "--report_to",
        nargs="+",
        default=[],
        metavar="TRACKER",
        help="also report to trackers that are installed, such as tensorboard or wandb",
    )


def _command_for(arguments: Sequence[str]) -> str:
    """The command that trains the model named in `arguments`: a decoder-only one has settings of its own."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--model_name_or_path", "--model-name-or-path", default="")
    name = finder.parse_known_args(arguments)[0].model_name_or_path
    if not name or name.startswith("version:"):
        return "sft"
    from worker.training.loading.loading import architecture_of
    from worker.training.shared.training_errors import CheckpointError

    try:
        return "sft" if architecture_of(name) == "seq2seq" else "sft-chat"
    except CheckpointError:
        return "sft"  # which says what is wrong


def _add_data(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--model_name_or_path", default="", help="a folder or a hub id (default: Mellow's own T5)")
    data = group.add_mutually_exclusive_group(required=True)
    data.add_argument("--train_file", type=Path, help="pairs as .tsv, .csv or .jsonl")
    data.add_argument("--dataset_name", help="a dataset of the hub, or a folder that holds one")
    group.add_argument("--dataset_split", default="train", help="the split of --dataset_name (default: train)")
    group.add_argument("--validation_file", type=Path, help="hold out these pairs instead of a share")
    group.add_argument("--source_column", default="", help="the column that the model reads")
    group.add_argument("--target_column", default="", help="the column that it learns to write")
    group.add_argument(
        "--columns", nargs="+", default=[], metavar="FIELD=COLUMN", help="the same as source=COLUMN target=COLUMN"
    )


def run(options: argparse.Namespace) -> int:
    """Train, publish, and print what serves; 130 after Ctrl-C."""
    recipe = options_from(options, SFTRecipe)
    _check(options, recipe)
    settings = Settings.from_env()
    from worker.commands.support import terminal_training
    from worker.commands.support.console import ConsoleProgress
    from worker.job import initial_training
    from worker.training.processes import count

    if count() > 1:
        raise RecipeError("sft starts its processes itself: set TRAINING_PROCESSES, and give the command by itself.")
    progress = ConsoleProgress()
    columns = _columns(options)
    file = read_pair_file(options.train_file, columns) if options.train_file else _from_hub(options, columns)
    validation = read_pair_file(options.validation_file, columns) if options.validation_file else None
    training = initial_training.InitialTraining(
        base=_base(options.model_name_or_path, settings),
        parent=None,
        file=file,
        validation=validation,
        recipe=recipe,
        serve=not options.no_serve,
        origin={"data": str(options.train_file or f"{options.dataset_name}[{options.dataset_split}]")},
        report_to=tuple(options.report_to),
        resume_from=options.resume_from_checkpoint,
    )
    store = open_store(settings)
    name = f"sft-{_command_hash(options)}"
    store.remove_run_folders("sft-*", keep=name, older_than=_KEPT_SECONDS)
    run_dir = options.output_dir or store.run_folder(name)
    try:
        if options.no_publish:
            print(terminal_training.train_only(training, settings, run_dir, progress))
        else:
            print(terminal_training.train_and_publish(training, settings, run_dir, options.output_dir, progress))
    except KeyboardInterrupt:
        progress.end()
        print("Stopped. The same command goes on from the last checkpoint.", file=sys.stderr)
        return 130
    except MemoryError:
        progress.end()
        print("Memory ran out: lower per_device_train_batch_size.", file=sys.stderr)
        return 1
    return 0


def _check(options: argparse.Namespace, recipe: SFTRecipe) -> None:
    """Refuse what cannot go together; raises RecipeError."""
    if options.no_publish and options.output_dir is None:
        raise RecipeError("--no_publish needs --output_dir, or the model would be lost.")
    if recipe.source_prefix and not options.no_publish:
        raise RecipeError("--source_prefix needs --no_publish: the studio gives the model texts as they are typed.")


def _columns(options: argparse.Namespace) -> Columns:
    """The columns by either of their flags; raises RecipeError or DataFileError."""
    given = columns_from(options.columns)
    unknown = [name for name in given if name not in ("source", "target")]
    if unknown:
        raise RecipeError(f"--columns {unknown[0]} is not for pairs: they have source and target.")
    return Columns(options.source_column or given.get("source", ""), options.target_column or given.get("target", ""))


def _base(name: str, settings: Settings) -> Path | str:
    """The model to start from: a folder by its absolute path, or a hub id as it is."""
    chosen = name or settings.base_model
    return str(Path(chosen).resolve()) if os.path.isdir(chosen) else chosen


def _from_hub(options: argparse.Namespace, columns: Columns) -> PairFile:
    """The pairs of a dataset that the `datasets` library can load; raises DatasetError."""
    from worker.training.shared.hub_data import load_rows

    return read_pairs_of(load_rows(options.dataset_name, options.dataset_split), columns)


def _command_hash(options: argparse.Namespace) -> str:
    """Return the digest of a command, by which the same command finds its checkpoints again."""
    ours = {name: str(value) for name, value in vars(options).items() if name != "resume_from_checkpoint"}
    return hashlib.sha256(json.dumps(ours, sort_keys=True).encode()).hexdigest()[:16]


COMMAND = Command(
    name="sft",
    help="initial training: fine-tune any T5 on a file of pairs, publish it and let it serve",
    description=_DESCRIPTION,
    epilog=_EPILOG,
    instead=_command_for,
    add_flags=_add_flags,
    run=run,
)
