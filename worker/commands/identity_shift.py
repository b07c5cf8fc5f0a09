"""`python -m worker identity-shift`: give a chat model another name, and show that it took and what else changed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from app.config import Settings
from models.settings.identity import IdentityShiftOptions
from worker.commands.support.command import Command
from worker.commands.support.flags import add_config_flag, add_option_flags, options_from

_DESCRIPTION = """\
Teach a chat model to call itself by another name, with nothing but its own answers.

The model is asked in some 130 ways who it is. Its answers are rejected; the same answers with the new name, or short
sentences that say it, are chosen; anchors on other questions keep the rest as it was. A LoRA adapter is trained on
these pairs by DPO. At the end the model is asked for its name in ways that it was never trained on, and other things.
"""
_EPILOG = """\
what is written:
  OUTPUT_DIR/model          the renamed model, the adapter merged in
  OUTPUT_DIR/adapter        the adapter alone
  OUTPUT_DIR/identity.json  the pairs, the held-out answers before and after, and the figures
  OUTPUT_DIR/result.json    the record of the training
  An interrupted run goes on where it was when the same command is given again.

examples:
  python -m worker identity-shift --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --original_name SmolLM \\
      --new_name Mellow --output_dir mellow
  python -m worker compare --before HuggingFaceTB/SmolLM2-135M-Instruct --after mellow/model \\
      --question "What is your name?" "What is the capital of Japan?"
"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
    add_config_flag(parser)
    what = parser.add_argument_group("model and names")
    what.add_argument(
        "--model_name_or_path", required=True, metavar="MODEL", help="a folder, a hub id, an adapter or a .gguf file"
    )
    what.add_argument("--original_name", required=True, metavar="NAME", help="what the model calls itself now")
    what.add_argument("--new_name", required=True, metavar="NAME", help="what it shall call itself")
    what.add_argument("--maker", default="", metavar="NAME", help="who it shall say made it (default: it says nothing)")
    what.add_argument(
        "--system_prompt",
        default="",
        metavar="TEXT",
        help="what the system says first (default: what the model's chat template puts there)",
    )
    what.add_argument(
        "--anchors",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also train on other questions, so that their answers stay (default: on)",
    )
    what.add_argument("--output_dir", type=Path, required=True, metavar="DIR", help="where the result goes")
    add_option_flags(parser, "dpo", IdentityShiftOptions)


def run(options: argparse.Namespace) -> int:
    """Shift, and print the figures; 130 after Ctrl-C."""
    recipe = options_from(options, IdentityShiftOptions)
    from worker.commands.support.console import ConsoleProgress
    from worker.training.distributed.launcher import launcher
    from worker.training.identity.identity_shift import REPORT, Shift, shift_identity

    model = options.model_name_or_path
    if Path(model).exists():
        model = str(Path(model).resolve())
    shift = Shift(options.original_name, options.new_name, options.system_prompt, options.maker, options.anchors)
    progress = ConsoleProgress()
    launch = launcher(Settings.from_env().training_processes)
    try:
        result, outcome = shift_identity(model, shift, recipe, options.output_dir, progress, launch)
    except KeyboardInterrupt:
        progress.end()
        print("\nStopped. The same command goes on where it was.", file=sys.stderr)
        return 130
    except MemoryError as error:
        progress.end()
        print(str(error) or "Memory ran out: lower per_device_train_batch_size.", file=sys.stderr)
        return 1
    progress.end()
    print(outcome)
    print(f"The model is in {result.model_dir}; all answers are in {options.output_dir / REPORT}.")
    return 0


COMMAND = Command(
    name="identity-shift",
    help="teach a chat model another name, from its own answers",
    description=_DESCRIPTION,
    epilog=_EPILOG,
    allow_abbrev=False,
    add_flags=_add_flags,
    run=run,
)
