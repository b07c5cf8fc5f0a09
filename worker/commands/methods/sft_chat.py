"""`python -m worker sft-chat`: supervised fine-tuning of a decoder-only model; `sft` with such a model comes here."""

from __future__ import annotations

import argparse

from worker.commands import Commands
from worker.commands.support.training_command import add_training_parser

_DESCRIPTION = """\
Teach a chat model, or any other decoder-only one, from prompts and good answers to them, with TRL's SFTTrainer: the
first stage of alignment, before preferences refine it.

The answers may come as instructions (Alpaca), as pairs, as chat messages, or as the chosen side of preferences. Only
the answer is learned, not the prompt, unless --no-completion_only_loss says otherwise. A model with a chat template
sees everything in it.
"""
_EXAMPLES = """\
  python -m worker sft --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --train_file instructions.jsonl
      --use_peft --output_dir sft-chat
  python -m worker sft-chat --model_name_or_path gpt2 --dataset_name tatsu-lab/alpaca --config quick --output_dir try
"""


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command `sft-chat`."""
    add_training_parser(
        commands, "sft", "supervised fine-tuning of a chat model", _DESCRIPTION, _EXAMPLES, command="sft-chat"
    )
