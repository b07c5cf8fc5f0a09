"""`python -m worker …`: what is done beside the queue. The commands themselves are the modules of worker/commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from app.config import ConfigError
from app.errors import DomainError
from models.errors import ModelError
from worker.commands import Commands, Run, add_parsers
from worker.flags import expand_config


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, 130 after Ctrl-C, and says on standard error why it is not 0."""
    try:
        parser = argparse.ArgumentParser(
            prog="python -m worker", description="Mellow's training side, without the queue."
        )
        commands = parser.add_subparsers(dest="command", required=True, metavar="command")
        add_parsers(commands)
        options = parser.parse_args(_whole(list(sys.argv[1:] if arguments is None else arguments), commands))
        run: Run = options.run
        return run(options)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except (ConfigError, DomainError, ModelError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        # One of our own is a sentence already.
        print(f"{error.filename or 'A file'}: {error.strerror}." if error.strerror else error, file=sys.stderr)
        return 1
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0].rstrip(".")
        if reason.startswith(("no such table", 'relation "')):
            print("The database has no tables yet: run `flask db upgrade` once, or `make run`.", file=sys.stderr)
            return 1
        print(f"The database cannot be used: {reason}. Give the same command again once it can.", file=sys.stderr)
        return 1
    except Exception as error:
        # Known only once the training libraries are imported, which a start that finds a version never does.
        from worker.training.errors import TrainingError

        if not isinstance(error, TrainingError):
            raise
        print(error, file=sys.stderr)
        return 1


def _whole(given: list[str], commands: Commands[argparse.ArgumentParser]) -> list[str]:
    """The arguments with what `--config` names in them, and with the command that suits the model they name."""
    if not given or given[0] not in commands.choices:
        return given
    instead = commands.choices[given[0]].get_default("instead")
    name = instead(given[1:]) if instead else given[0]
    parser = commands.choices[name]
    if parser.get_default("own_config"):  # a pipeline reads its plan itself: its stages have settings of their own
        return [name, *given[1:]]
    return [name, *expand_config(given[1:], parser, _say)]


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
