"""`python -m worker reward`: train a reward model on preferences."""

from __future__ import annotations

import argparse

from worker.commands import Commands
from worker.commands.support.training_command import add_training_parser

_DESCRIPTION = """\
Train a classifier with one output that gives the better of two texts the higher mark (Bradley-Terry), with TRL's
RewardTrainer. `ppo`, `grpo` and `rloo` optimize a model against it.

The model may be an encoder (BERT, DistilBERT, RoBERTa, MiniLM …), which reads a prompt and its answer as a pair, or
decoder-only, which reads them as one text or in its chat template. Mind what tells the two sides apart in the data:
where every rejected text is the prompt itself, the model learns to see copies, and nothing else.
"""
_EXAMPLES = """\
  python -m worker reward --model_name_or_path distilbert-base-uncased --train_file pairs.tsv --output_dir rm
  python -m worker reward --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --train_file hh.jsonl.gz --use_peft
      --max_length 1024 --gradient_accumulation_steps 4 --early_stopping_patience 2 --output_dir rm-chat
"""


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command `reward`."""
    add_training_parser(commands, "reward", "train a reward model on preferences", _DESCRIPTION, _EXAMPLES)
