"""`python -m worker chat`: talk to a model in the terminal."""

from __future__ import annotations

import argparse
import sys

from worker.commands.support.answer_flags import MODEL_HELP, add_answer_flags, opened
from worker.commands.support.command import Command

_DESCRIPTION = """\
Talk to a model in the terminal. Answers appear word by word. Ctrl-C stops an answer, Ctrl-D leaves.

A chat model sees the whole conversation; when that no longer fits, its oldest turns are left out. A T5, and a model
without a chat template, gets each line by itself. What is typed may also come through a pipe, one question a line.
"""
_EPILOG = """\
while it runs:
  /reset         begin a new conversation
  /system TEXT   begin a new one under this system prompt; without a text, under none
  /save FILE     write the conversation as one line of JSON, which can be trained on
  /help          say this
"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model_name_or_path", default="", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--adapter", default="", metavar="DIR", help="a LoRA adapter to put into the model")
    add_answer_flags(parser, temperature=0.7)


def run(options: argparse.Namespace) -> int:
    """Load the model and talk until the input ends."""
    from worker.commands.support.terminal_chat import TerminalChat

    try:
        print("Loading …", file=sys.stderr)
        loaded = opened(options.model_name_or_path, options.adapter, options.dtype)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    TerminalChat(
        loaded,
        options.system,
        max_new_tokens=options.max_new_tokens,
        temperature=options.temperature,
        top_p=options.top_p,
        seed=options.seed,
        help=_EPILOG,
    ).talk()
    return 0


COMMAND = Command(
    name="chat",
    help="talk to a model in the terminal",
    description=_DESCRIPTION,
    epilog=_EPILOG,
    add_flags=_add_flags,
    run=run,
)
