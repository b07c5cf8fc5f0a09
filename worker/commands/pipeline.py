"""`python -m worker pipeline`: supervised fine-tuning, a reward model, DPO or PPO, and an evaluation, in one run."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from app.config import Settings
from models.model_errors import RecipeError
from worker.commands.support.command import Command

_DESCRIPTION = """\
Run several trainings in a row, each on what the one before left, and compare what came out of each: by default sft,
reward and dpo. A stage that is complete is not run again, and one that was interrupted goes on from its last checkpoint
when the same command is given again.
"""
_EPILOG = """\
A plan is a YAML file. Settings at its top are those of every stage that knows them; those under a stage's name are its
own. A reward model that is trained in the pipeline is the one that ppo, rloo and grpo use.

  model_name_or_path: google/flan-t5-small
  reward_model_name_or_path: distilbert-base-uncased
  stages: [sft, reward, ppo, evaluate]
  train_file: pairs.tsv
  use_peft: true
  sft:
    num_train_epochs: 1
  ppo:
    max_steps: 50

examples:
  python -m worker pipeline --config plan.yaml --output_dir runs/first
  python -m worker pipeline --config plan.yaml --config quick --output_dir runs/try
  python -m worker pipeline --train_file pairs.tsv --reward_model_name_or_path distilbert-base-uncased
      --stages sft reward dpo evaluate --set use_peft=true --set dpo.beta=0.2 --output_dir runs/second
"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", action="append", default=[], metavar="FILE|PRESET", help="the plan; several add up, later ones win"
    )
    parser.add_argument("--output_dir", type=Path, required=True, metavar="DIR", help="where all results go")
    parser.add_argument("--stages", nargs="+", metavar="STAGE", help="what to run, in order; evaluate comes last")
    parser.add_argument("--model_name_or_path", metavar="MODEL", help="what to start from (default: Mellow's own T5)")
    parser.add_argument("--reward_model_name_or_path", metavar="MODEL", help="what the reward model starts from")
    parser.add_argument("--train_file", nargs="+", metavar="FILE", help="the data of every stage that names no other")
    parser.add_argument(
        "--set", action="append", default=[], metavar="[STAGE.]NAME=VALUE", help="one setting, of all stages or of one"
    )
    parser.add_argument("--report_to", nargs="+", default=[], metavar="TRACKER", help="trackers that are installed")


def run(options: argparse.Namespace) -> int:
    """Run the plan and print the comparison; 130 after Ctrl-C."""
    from worker.commands.support import pipeline
    from worker.commands.support.flags import read_settings
    from worker.commands.support.training_command import resolve_model

    settings: dict[str, Any] = {}
    for name in options.config:
        settings = _merged(settings, dict(read_settings(name)))
    for name in ("stages", "model_name_or_path", "reward_model_name_or_path", "train_file"):
        if getattr(options, name):
            settings[name] = getattr(options, name)
    for one in options.set:
        settings = _merged(settings, _setting(one))
    environment = Settings.from_env()
    plan = pipeline.Plan.from_mapping(settings, environment.base_model)
    plan = replace(plan, model=resolve_model(plan.model, environment))
    from worker.commands.support.console import ConsoleProgress
    from worker.training.distributed.launcher import launcher
    from worker.training.processes import is_main
    from worker.training.shared.progress import SilentProgress

    console = ConsoleProgress()
    try:
        progress = console if is_main() else SilentProgress()
        launch = launcher(environment.training_processes)
        said = pipeline.run(plan, options.output_dir, progress, launch, options.report_to)
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from where it was.", file=sys.stderr)
        return 130
    except MemoryError as error:
        print(str(error) or "Memory ran out: lower per_device_train_batch_size.", file=sys.stderr)
        return 1
    finally:
        console.end()
    if is_main():
        print(said)
    return 0


def _setting(text: str) -> dict[str, Any]:
    """`dpo.beta=0.2` as `{"dpo": {"beta": 0.2}}`; the value is YAML."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise RecipeError(f"--set {text} is not of the form name=value or stage.name=value.")
    try:
        parsed: Any = yaml.safe_load(value)
    except yaml.YAMLError:
        raise RecipeError(f"The value of --set {text} cannot be read.") from None
    for part in reversed(path.strip().split(".")):
        parsed = {part: parsed}
    return dict(parsed)


def _merged(settings: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """`settings` with `more` laid over them, stage by stage."""
    merged = dict(settings)
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = {**merged[key], **value} if both else value
    return merged


COMMAND = Command(
    name="pipeline",
    help="sft, reward model, dpo or ppo, and evaluation, in one resumable run",
    description=_DESCRIPTION,
    epilog=_EPILOG,
    allow_abbrev=False,
    own_config=True,
    add_flags=_add_flags,
    run=run,
)
