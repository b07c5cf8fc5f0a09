"""`python -m worker …`: what is done beside the queue."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from app.config import ConfigError, Settings
from models.errors import ModelError
from worker.base_version import publish_base


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, after one sentence on standard error if it is not 0."""
    parser = argparse.ArgumentParser(prog="python -m worker", description="Mellow's training side, without the queue.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "publish-base",
        help="publish the base model as version 1 and let it serve, if no version serves yet",
        description="Publish BASE_MODEL (the embedded checkpoint unless set: a folder or a hub id of any T5) as "
        "version 1 and let it serve. Does nothing if a version serves already.",
    )
    parser.parse_args(arguments)
    try:
        print(publish_base(Settings.from_env()))
    except (ConfigError, ModelError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except Exception as error:
        # Known only once the training libraries are imported, which a start that finds a version never does.
        from worker.training.errors import TrainingError

        if not isinstance(error, TrainingError):
            raise
        print(error, file=sys.stderr)
        return 1
    return 0
