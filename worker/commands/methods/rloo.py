"""`python -m worker rloo`: train against a reward model with REINFORCE Leave-One-Out."""

from __future__ import annotations

import argparse

from worker.commands import Commands
from worker.commands.support.training_command import add_training_parser

_DESCRIPTION = """\
Let a model write several texts for each prompt, have a reward model mark them, and make those likelier that beat the
others of the same prompt (Ahmadian et al. 2024), with TRL's RLOOTrainer. No value network, as PPO needs one. It works
on decoder-only models and on T5s.

Of the data only the prompts are used. The reward model is what `python -m worker reward` leaves in OUTPUT_DIR. The
groups must fill a step: num_generations divides per_device_train_batch_size × gradient_accumulation_steps. Dropout is
off while training, the adapter's too, so that the ratio of new to old policy is exact.
"""
_EXAMPLES = """\
  python -m worker reward --model_name_or_path distilbert-base-uncased --train_file pairs.tsv --output_dir rm
  python -m worker rloo --reward_model_path rm --train_file pairs.tsv --use_peft --output_dir rloo
  python -m worker rloo --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --reward_model_path rm
      --train_file prompts.jsonl --use_peft --num_generations 8 --beta 0.05 --output_dir rloo-chat
"""


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command `rloo`."""
    add_training_parser(commands, "rloo", "optimize a model against a reward model (RLOO)", _DESCRIPTION, _EXAMPLES)
