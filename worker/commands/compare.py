"""`python -m worker compare`: what two models answer to the same questions, side by side."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from worker.commands.support.answer_flags import MODEL_HELP, add_answer_flags, add_question_flags, opened, questions_of
from worker.commands.support.command import Command

_DESCRIPTION = """\
Ask two models the same questions and show their answers beside each other: before a training and after it, say. Any
two that can be loaded can be compared, a chat model with a T5 too; one is in memory at a time.
"""
_EPILOG = """\
examples:
  python -m worker compare --before base --after out/model --question "What is your name?" "Tell me a joke."
  python -m worker compare --before t5-small --after out/adapter --question_file toxic.txt --json answers.json
"""
_NARROW = 80
_GAP = " │ "


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--before", required=True, metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--after", required=True, metavar="MODEL", help="the same kinds of things")
    add_question_flags(parser)
    add_answer_flags(parser, temperature=0.0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write questions and answers to FILE")


def run(options: argparse.Namespace) -> int:
    """Ask both and print; 130 after Ctrl-C."""
    from worker.training.shared.writing import check_new, write_aside

    questions = questions_of(options)
    if options.json is not None:
        check_new(options.json)
    try:
        before = _answers(options.before, questions, options)
        after = _answers(options.after, questions, options)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    width = shutil.get_terminal_size().columns
    print(table(questions, before, after, (options.before, options.after), width))
    same = sum(one == other for one, other in zip(before, after, strict=True))
    print(f"{same} of {len(questions)} answers {'is' if same == 1 else 'are'} identical.")
    if options.json is not None:
        rows = [
            {"question": question, "before": one, "after": other}
            for question, one, other in zip(questions, before, after, strict=True)
        ]
        report = {
            "before": options.before,
            "after": options.after,
            "system": options.system,
            "temperature": options.temperature,
            "identical": same,
            "answers": rows,
        }
        write_aside(options.json, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
        print(f"The answers are in {options.json}.")
    return 0


def table(
    questions: Sequence[str], before: Sequence[str], after: Sequence[str], names: tuple[str, str], width: int
) -> str:
    """The answers in two columns that fit `width` characters, or one under the other where that is narrow."""
    lines = []
    if width >= _NARROW:
        column = (width - len(_GAP)) // 2
        lines += [*_beside(_tail(names[0], column), _tail(names[1], column), column)]
    for question, one, other in zip(questions, before, after, strict=True):
        mark = " (identical)" if one == other else ""
        lines += ["", *textwrap.wrap(f"Q: {question}{mark}", width)]
        if width >= _NARROW:
            lines.append("─" * column + "─┼─" + "─" * column)
            lines += _beside(one, other, column)
        else:
            lines += ["before:", *_wrapped(one, width), "after:", *_wrapped(other, width)]
    return "\n".join([*lines, ""])


def _answers(model: str, questions: Sequence[str], options: argparse.Namespace) -> list[str]:
    """Return the answers of one model, which is freed afterwards."""
    from worker.training.identity.answering import answer_all, conversation

    print(f"{model} answers …", file=sys.stderr)
    return answer_all(
        opened(model, "", options.dtype),
        [conversation(question, options.system) for question in questions],
        max_new_tokens=options.max_new_tokens,
        temperature=options.temperature,
        top_p=options.top_p,
        seed=options.seed,
    )


def _beside(one: str, other: str, column: int) -> list[str]:
    left, right = _wrapped(one, column), _wrapped(other, column)
    rows = max(len(left), len(right))
    left += [""] * (rows - len(left))
    right += [""] * (rows - len(right))
    return [f"{a:{column}}{_GAP}{b}".rstrip() for a, b in zip(left, right, strict=True)]


def _wrapped(text: str, width: int) -> list[str]:
    lines = [line for part in (text or "(nothing)").splitlines() for line in textwrap.wrap(part, width) or [""]]
    return lines or [""]


def _tail(name: str, width: int) -> str:
    """The end of a long path, which tells it from others."""
    return name if len(name) <= width else f"…{name[1 - width :]}"


COMMAND = Command(
    name="compare",
    help="show what two models answer to the same questions",
    description=_DESCRIPTION,
    epilog=_EPILOG,
    add_flags=_add_flags,
    run=run,
)
