"""Flags that the commands which ask a model share, and what they read: chat, test, compare."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models.model_errors import DataFileError, RecipeError

if TYPE_CHECKING:
    from worker.training.loading.loading import Loaded

MODEL_HELP = "a folder, a hub id, a .gguf file or a LoRA adapter"
DTYPES = ("float32", "bfloat16", "float16")


def add_answer_flags(parser: argparse.ArgumentParser, temperature: float, max_new_tokens: int = 256) -> None:
    """Add the flags that say how an answer is written."""
    group = parser.add_argument_group("how answers are written")
    group.add_argument("--system", default="", metavar="TEXT", help="what the system says first, to a chat model")
    group.add_argument(
        "--temperature",
        type=_within(0, 10),
        default=temperature,
        metavar="N",
        help=f"0 takes the likeliest word each time, 1 draws from the model itself (default: {temperature:g})",
    )
    group.add_argument(
        "--top_p",
        type=_within(0.01, 1),
        default=1.0,
        metavar="N",
        help="draw from the likeliest words that hold this share (default: 1)",
    )
    group.add_argument(
        "--max_new_tokens",
        type=positive,
        default=max_new_tokens,
        metavar="N",
        help=f"the longest answer, in tokens (default: {max_new_tokens})",
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of the drawing (default: 0)")
    group.add_argument("--dtype", choices=DTYPES, default="float32", help="number format (default: float32)")


def add_question_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name the questions."""
    group = parser.add_argument_group("questions")
    group.add_argument("--question", nargs="+", default=[], metavar="TEXT", help="one question or several")
    group.add_argument("--question_file", type=Path, metavar="FILE", help="more questions, one a line, in UTF-8")


def questions_of(options: argparse.Namespace) -> list[str]:
    """The questions that were given; raises RecipeError if there are none, DataFileError for a file that is no text."""
    found: Sequence[str] = options.question
    if options.question_file is not None:
        try:
            found = [*found, *options.question_file.read_text(encoding="utf-8").splitlines()]
        except UnicodeDecodeError:
            raise DataFileError(f"{options.question_file} is not text in UTF-8.") from None
    questions = [question.strip() for question in found if question.strip()]
    if not questions:
        raise RecipeError("Give at least one question, with --question or --question_file.")
    return questions


def opened(model: str, adapter: str, dtype: str) -> Loaded:
    """The model, ready to answer. Raises CheckpointError."""
    from models.settings.command_line import TrainOptions
    from worker.training.loading.merging import load_merged

    return load_merged(model, adapter, TrainOptions(dtype=dtype))


def positive(text: str) -> int:
    """A whole number of 1 or more, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _within(least: float, greatest: float) -> type[float]:
    def number(text: str) -> float:
        value = float(text)
        if not least <= value <= greatest:
            raise argparse.ArgumentTypeError(f"must be between {least:g} and {greatest:g}")
        return value

    number.__name__ = "number"  # what argparse calls a text that is none
    return number  # type: ignore[return-value]
