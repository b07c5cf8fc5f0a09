"""`python -m worker grpo`: train against a reward model with Group Relative Policy Optimization."""

from __future__ import annotations

import argparse

from worker.commands import Commands
from worker.commands.support.training_command import add_training_parser

_DESCRIPTION = """\
Let a model write several texts for each prompt, have a reward model mark them, and make those that beat the average of
their group likelier (Shao et al. 2024), with TRL's GRPOTrainer. It works on decoder-only models and on T5s.

Of the data only the prompts are used. The reward model is what `python -m worker reward` leaves in OUTPUT_DIR. The
groups must fill a step: num_generations divides per_device_train_batch_size × gradient_accumulation_steps. Dropout is
off while training, the adapter's too, so that the ratio of new to old policy is exact.
"""
_EXAMPLES = """\
  python -m worker reward --model_name_or_path distilbert-base-uncased --train_file pairs.tsv --output_dir rm
  python -m worker grpo --reward_model_path rm --train_file pairs.tsv --use_peft --output_dir grpo
  python -m worker grpo --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --reward_model_path rm
      --train_file prompts.jsonl --use_peft --num_generations 8 --beta 0.04 --output_dir grpo-chat
"""


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command `grpo`."""
    add_training_parser(commands, "grpo", "optimize a model against a reward model (GRPO)", _DESCRIPTION, _EXAMPLES)
