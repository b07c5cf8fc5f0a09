"""`python -m worker …`: what is done beside the queue. The commands themselves are the modules of worker/commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from app.config import ConfigError
from app.errors import DomainError
from models.errors import ModelError
from worker.commands import Run, add_parsers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, after one sentence on standard error if it is not 0."""
    parser = argparse.ArgumentParser(prog="python -m worker", description="Mellow's training side, without the queue.")
    add_parsers(parser.add_subparsers(dest="command", required=True, metavar="command"))
    options = parser.parse_args(arguments)
    run: Run = options.run
    try:
        return run(options)
    except (ConfigError, DomainError, ModelError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0].rstrip(".")
        print(f"The database cannot be used: {reason}. Give the same command again once it can.", file=sys.stderr)
        return 1
    except Exception as error:
        # Known only once the training libraries are imported, which a start that finds a version never does.
        from worker.training.errors import TrainingError

        if not isinstance(error, TrainingError):
            raise
        print(error, file=sys.stderr)
        return 1
