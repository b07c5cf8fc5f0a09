"""`python -m worker …`: the command line beside the queue. Its commands are listed in worker/commands/table.py."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from sqlalchemy.exc import SQLAlchemyError

from app.config import ConfigError
from app.domain_errors import DomainError
from models.model_errors import ModelError
from worker.commands.support import unexpected
from worker.commands.support.flags import expand_config
from worker.commands.support.interruption import is_interruption
from worker.commands.support.spelling import not_known, spelled
from worker.commands.table import ALIASES, COMMANDS, add_parsers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code, 130 after Ctrl-C.

    Of every error one sentence goes to standard error; the traceback of an unexpected one goes to a file that it names.
    """
    try:
        given = _meant(list(sys.argv[1:] if arguments is None else arguments))
        parser = argparse.ArgumentParser(
            prog="python -m worker", description="Mellow's training side, without the queue."
        )
        commands = parser.add_subparsers(dest="command", required=True, metavar="command")
        add_parsers(commands, next(iter(given), ""))
        given = _with_config(_as_spelled(given, commands.choices), commands.choices)
        options, unknown = parser.parse_known_args(given)
        if unknown:
            commands.choices[options.command].error(not_known(unknown, commands.choices[options.command]))
        return COMMANDS[options.command].run(options)
    except (KeyboardInterrupt, Exception) as error:
        if is_interruption(error):
            print("\nInterrupted.", file=sys.stderr)
            return 130
        print(_sentence(error) or unexpected.report(error), file=sys.stderr)
        return 1


def _sentence(error: BaseException) -> str:
    """Return the error as a sentence for the user, or "" for one that was not expected."""
    if isinstance(error, (ConfigError, DomainError, ModelError)):
        return str(error)
    if isinstance(error, MemoryError):
        return str(error) or "Memory ran out: lower per_device_train_batch_size, or try --config low-memory."
    if isinstance(error, OSError):  # an error of our own is a sentence already
        return f"{error.filename or 'A file'}: {error.strerror}." if error.strerror else str(error)
    if isinstance(error, SQLAlchemyError):
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0].rstrip(".")
        if reason.startswith(("no such table", 'relation "')):
            return "The database has no tables yet: run `flask db upgrade` once, or `make run`."
        return f"The database cannot be used: {reason}. Give the same command again once it can."
    # Imported late: a start that finds a version never imports the training libraries.
    try:
        from worker.training.shared.training_errors import TrainingError
    except ImportError:  # which may be the error itself
        return ""

    return str(error) if isinstance(error, TrainingError) else ""


def _meant(given: list[str]) -> list[str]:
    """Return the arguments with the command that suits the model they name."""
    given = [ALIASES.get(given[0], given[0]), *given[1:]] if given else given
    command = COMMANDS.get(given[0]) if given else None
    return [command.instead(given[1:]), *given[1:]] if command is not None and command.instead else given


def _as_spelled(given: list[str], parsers: Mapping[str, argparse.ArgumentParser]) -> list[str]:
    """Return the arguments with every flag of the command as it is spelled there."""
    parser = parsers.get(given[0]) if given else None
    return given if parser is None else [given[0], *spelled(given[1:], parser)]


def _with_config(given: list[str], parsers: Mapping[str, argparse.ArgumentParser]) -> list[str]:
    """Return the arguments with those of `--config` inserted."""
    command = COMMANDS.get(given[0]) if given else None
    if command is None or command.own_config:  # a pipeline reads its plan itself: its stages have their own settings
        return given
    method = command.name.removesuffix("-chat")
    return [command.name, *expand_config(given[1:], parsers[command.name], _print_error, method)]


def _print_error(sentence: str) -> None:
    print(sentence, file=sys.stderr)
