"""`python -m worker dpo`: learn from pairs of a better and a worse text, with Direct Preference Optimization."""

from __future__ import annotations

import argparse

from worker.commands import Commands
from worker.commands.support.training_command import add_training_parser

_DESCRIPTION = """\
Raise the probability of the chosen text of each pair over that of the rejected one, measured against the model as it
was (Rafailov et al. 2023). It needs no reward model and samples nothing: the place to begin with preferences.

Works for T5-like models and for chat models alike, with any of TRL's losses, or several with weights. The reference is
the model without its adapter (--use_peft), a frozen copy, or another model (--ref_model); --precompute_ref_log_probs
asks it once, before the training.
"""
_EXAMPLES = """\
  python -m worker dpo --train_file clicks.jsonl --use_peft --output_dir dpo
  python -m worker dpo --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --train_file pairs.jsonl --use_peft \\
      --load_in_4bit --output_dir dpo-chat
  python -m worker dpo --model_name_or_path t5-small --train_file helpful=a.jsonl harmless=b.jsonl \\
      --mix helpful=0.7,harmless=0.3 --loss_type sigmoid sft --loss_weights 1 0.1 --output_dir dpo-mix
"""


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command `dpo`."""
    add_training_parser(commands, "dpo", "learn from preference pairs (DPO)", _DESCRIPTION, _EXAMPLES)
