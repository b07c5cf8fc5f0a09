"""`python -m worker orpo`: learn a task and its preferences at once, with Odds Ratio Preference Optimization."""

from __future__ import annotations

import argparse

from worker.commands import Commands
from worker.commands.support.training_command import add_training_parser

_DESCRIPTION = """\
Learn to write the chosen texts and, in the same step, to find the rejected ones less likely (Hong et al. 2024). There
is no reference model, so it needs less memory than DPO and no supervised training before it; but nothing holds the
model where it was. Use it on a model that does not know the task yet, and `dpo` on one that does.
"""
_EXAMPLES = """\
  python -m worker orpo --train_file clicks.jsonl --output_dir orpo
  python -m worker orpo --model_name_or_path HuggingFaceTB/SmolLM2-135M --train_file pairs.jsonl --use_peft \\
      --beta 0.1 --num_train_epochs 3 --output_dir orpo-lm
"""


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command `orpo`."""
    add_training_parser(commands, "orpo", "learn a task and its preferences at once (ORPO)", _DESCRIPTION, _EXAMPLES)
