"""Every command of `python -m worker`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from types import MappingProxyType

from worker.commands import (
    chat,
    compare,
    data,
    evaluate,
    identity_shift,
    merge,
    pipeline,
    publish_base,
    rebuild,
    sft,
    studios,
    test,
)
from worker.commands.methods import METHODS
from worker.commands.support.command import Command, Commands

_MODULES = (chat, compare, data, evaluate, identity_shift, merge, pipeline, publish_base, rebuild, sft, studios, test)

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {one.name: one for one in sorted((*(module.COMMAND for module in _MODULES), *METHODS), key=lambda one: one.name)}
)
"""The commands by their names, in the order in which `--help` lists them."""

ALIASES: Mapping[str, str] = MappingProxyType({"train": "dpo"})
"""Other names of commands."""


def add_parsers(commands: Commands[argparse.ArgumentParser], given: str) -> None:
    """Add every command, and to the one that was `given` its flags: those of the others need not be made."""
    for name, command in COMMANDS.items():
        parser = command.add_to(commands)
        if name == given and command.add_flags is not None:
            command.add_flags(parser)
