"""`python -m worker …`: the command line beside the queue. Each command is a module of worker/commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from app.config import ConfigError
from app.errors import DomainError
from models.errors import ModelError
from worker.commands import Commands, Run, add_parsers
from worker.commands.support.flags import expand_config
from worker.commands.support.interruption import is_interruption


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code, 130 after Ctrl-C; print an error's sentence on standard error."""
    try:
        parser = argparse.ArgumentParser(
            prog="python -m worker", description="Mellow's training side, without the queue."
        )
        commands = parser.add_subparsers(dest="command", required=True, metavar="command")
        add_parsers(commands)
        options = parser.parse_args(_expanded(list(sys.argv[1:] if arguments is None else arguments), commands))
        run: Run = options.run
        return run(options)
    except (KeyboardInterrupt, Exception) as error:
        if is_interruption(error):
            print("\nInterrupted.", file=sys.stderr)
            return 130
        sentence = _sentence(error)
        if not sentence:
            raise
        print(sentence, file=sys.stderr)
        return 1


def _sentence(error: BaseException) -> str:
    """Return the error as a sentence for the user, or "" for an error of the program itself."""
    if isinstance(error, (ConfigError, DomainError, ModelError)):
        return str(error)
    if isinstance(error, OSError):  # an error of our own is a sentence already
        return f"{error.filename or 'A file'}: {error.strerror}." if error.strerror else str(error)
    if isinstance(error, SQLAlchemyError):
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0].rstrip(".")
        if reason.startswith(("no such table", 'relation "')):
            return "The database has no tables yet: run `flask db upgrade` once, or `make run`."
        return f"The database cannot be used: {reason}. Give the same command again once it can."
    # Imported late: a start that finds a version never imports the training libraries.
    from worker.training.shared.errors import TrainingError

    return str(error) if isinstance(error, TrainingError) else ""


def _expanded(given: list[str], commands: Commands[argparse.ArgumentParser]) -> list[str]:
    """Return the arguments with those of `--config` inserted, and with the command that suits the model they name."""
    if not given or given[0] not in commands.choices:
        return given
    instead = commands.choices[given[0]].get_default("instead")
    name = instead(given[1:]) if instead else given[0]
    parser = commands.choices[name]
    if parser.get_default("own_config"):  # a pipeline reads its plan itself: its stages have settings of their own
        return [name, *given[1:]]
    return [name, *expand_config(given[1:], parser, _print_error)]


def _print_error(sentence: str) -> None:
    print(sentence, file=sys.stderr)
