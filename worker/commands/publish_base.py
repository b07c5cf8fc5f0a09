"""`python -m worker publish-base`: version 1, from the model that everything starts from."""

from __future__ import annotations

import argparse

from app.config import Settings
from worker.commands.support.command import Command
from worker.publish.base_version import publish_base

_DESCRIPTION = """\
Publish BASE_MODEL (the embedded checkpoint unless set: a folder or a hub id of any T5) as version 1 and let it serve.
Does nothing if a version serves already.
"""


def run(_options: argparse.Namespace) -> int:
    """Publish the base model of the settings and print what serves."""
    print(publish_base(Settings.from_env()))
    return 0


COMMAND = Command(
    name="publish-base",
    help="publish the base model as version 1 and let it serve, if no version serves yet",
    description=_DESCRIPTION,
    run=run,
)
