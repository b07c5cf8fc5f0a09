"""`python -m worker kto`: learn from single texts marked good or bad, with Kahneman-Tversky Optimization."""

from __future__ import annotations

import argparse

from worker.commands import Commands
from worker.commands.support.training_command import add_training_parser

_DESCRIPTION = """\
Learn from texts that were each marked good or bad, a thumb up or down, without pairs (Ethayarajh et al. 2024). Pairs
may be given too: each makes a good and a bad text.

The two labels need not be equally many. Where they are not, set --desirable_weight or --undesirable_weight so that
weight times number is about equal, or up to a third higher for the good ones. The rows of a batch are compared with
each other: the larger --per_device_train_batch_size, the better the estimate.
"""
_EXAMPLES = """\
  python -m worker kto --train_file thumbs.jsonl --use_peft --output_dir kto
  python -m worker kto --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --train_file thumbs.csv --use_peft \\
      --undesirable_weight 0.5 --output_dir kto-chat
"""


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command `kto`."""
    add_training_parser(commands, "kto", "learn from texts marked good or bad (KTO)", _DESCRIPTION, _EXAMPLES)
