"""`python -m worker test`: ask a model a few questions and print what it answers."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from worker.commands.support.answer_flags import (
    MODEL_HELP,
    add_answer_flags,
    add_question_flags,
    opened,
    positive,
    questions_of,
)
from worker.commands.support.command import Command

_EPILOG = """\
A T5 gets each question as the text that it is to rewrite.

examples:
  python -m worker test --model_name_or_path out/model --question "What is your name?"
  python -m worker test --model_name_or_path model.gguf --question_file questions.txt --json answers.json
  python -m worker test --model_name_or_path out/model --question "Tell me a joke." --num_samples 5 --temperature 0.8
"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model_name_or_path", default="", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--adapter", default="", metavar="DIR", help="a LoRA adapter to put into the model")
    add_question_flags(parser)
    add_answer_flags(parser, temperature=0.0)
    parser.add_argument(
        "--num_samples", type=positive, default=1, metavar="N", help="answers to each question (default: 1)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write questions and answers to FILE")


def run(options: argparse.Namespace) -> int:
    """Ask and print; 130 after Ctrl-C."""
    from models.model_errors import RecipeError
    from worker.training.identity.answering import answer_all, conversation
    from worker.training.shared.writing import check_new, write_aside

    questions = questions_of(options)
    if options.num_samples > 1 and options.temperature == 0:
        raise RecipeError("num_samples above 1 needs a temperature above 0: without one all answers are the same.")
    if options.json is not None:
        check_new(options.json)
    try:
        loaded = opened(options.model_name_or_path, options.adapter, options.dtype)
        prompts = [conversation(question, options.system) for question in questions for _ in range(options.num_samples)]
        answers = answer_all(
            loaded,
            prompts,
            max_new_tokens=options.max_new_tokens,
            temperature=options.temperature,
            top_p=options.top_p,
            seed=options.seed,
        )
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    found = [
        {"question": question, "answers": answers[place * options.num_samples : (place + 1) * options.num_samples]}
        for place, question in enumerate(questions)
    ]
    for one in found:
        print(f"Q: {one['question']}")
        for text in one["answers"]:
            print(f"A: {text or '(nothing)'}")
        print()
    if options.json is not None:
        report = {"model": loaded.source, "system": options.system, "temperature": options.temperature}
        write_aside(options.json, json.dumps({**report, "answers": found}, indent=2, ensure_ascii=False) + "\n")
        print(f"The answers are in {options.json}.")
    return 0


COMMAND = Command(
    name="test",
    help="ask a model a few questions",
    description="Ask a model, a chat model or a T5, one question or several, and print what it answers.",
    epilog=_EPILOG,
    add_flags=_add_flags,
    run=run,
)
