"""`python -m worker merge`: put a LoRA adapter into its base model, or write a GGUF as a folder of safetensors."""

from __future__ import annotations

import argparse
from pathlib import Path

from worker.commands.support.answer_flags import DTYPES
from worker.commands.support.command import Command

_DESCRIPTION = """\
Add a LoRA adapter to the weights of its base model and write the whole as one folder, which every tool can load. With
no adapter the model itself is written as such a folder: so a .gguf file becomes safetensors. A reward model keeps its
head.

The sum is computed in float32 and rounded once, to --dtype. The folder appears whole, at the end.
"""
_EPILOG = """\
examples:
  python -m worker merge --adapter out/adapter --output_dir merged
      the base model is the one that the adapter names
  python -m worker merge --model_name_or_path t5-small --adapter out/adapter --output_dir merged --dtype bfloat16
  python -m worker merge --model_name_or_path model.Q4_1.gguf --output_dir model
      from GGUF to safetensors
"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model_name_or_path",
        default="",
        metavar="MODEL",
        help="the base: a folder, a hub id or a .gguf file (default: the one that the adapter names)",
    )
    parser.add_argument("--adapter", default="", metavar="DIR", help="the LoRA adapter: a folder or a hub id")
    parser.add_argument("--output_dir", type=Path, required=True, metavar="DIR", help="a new folder for the result")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="number format (default: float32)")


def run(options: argparse.Namespace) -> int:
    """Merge, write, and say where."""
    from worker.training.loading.merging import check_free, load_merged, write_model

    check_free(options.output_dir)
    loaded = load_merged(options.model_name_or_path, options.adapter, with_head=True)
    write_model(loaded, options.output_dir, options.dtype)
    size = sum(path.stat().st_size for path in options.output_dir.iterdir())
    print(f"The model is in {options.output_dir}: {size / 1e6:,.0f} MB in {options.dtype}.")
    return 0


COMMAND = Command(
    name="merge",
    help="put a LoRA adapter into its base model, or turn a GGUF into safetensors",
    description=_DESCRIPTION,
    epilog=_EPILOG,
    add_flags=_add_flags,
    run=run,
)
