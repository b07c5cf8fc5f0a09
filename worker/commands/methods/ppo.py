"""`python -m worker ppo`: train on the marks of a reward model, with Proximal Policy Optimization."""

from __future__ import annotations

import argparse

from worker.commands import Commands
from worker.commands.support.training_command import add_training_parser

_DESCRIPTION = """\
Let a model answer prompts, have a reward model mark the answers, and move the model towards the better ones (Schulman
et al. 2017; for text, Ziegler et al. 2019): the last stage of RLHF. A penalty on the divergence from the model it
started with keeps the text readable.

Of the data only the prompts are used. The reward model is what `python -m worker reward` leaves in OUTPUT_DIR/model.
Where pairs of a better and a worse answer are at hand, try `dpo` first: it needs neither reward model nor sampling.
"""
_EXAMPLES = """\
  python -m worker reward --model_name_or_path distilbert-base-uncased --train_file pairs.tsv --output_dir rm
  python -m worker ppo --reward_model_path rm/model --train_file pairs.tsv --use_peft --output_dir ppo
  python -m worker ppo --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --reward_model_path rm/model
      --train_file prompts.jsonl --use_peft --kl_coef 0.1 --max_completion_length 64 --output_dir ppo-chat
"""


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command `ppo`."""
    add_training_parser(commands, "ppo", "optimize a model against a reward model (PPO)", _DESCRIPTION, _EXAMPLES)
