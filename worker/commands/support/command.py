"""A command of `python -m worker`: its name, its words, its flags, and the function that carries it out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Commands = argparse._SubParsersAction  # argparse has no public name for what add_subparsers returns


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command. `run` carries it out and returns the exit code.

    It may raise ConfigError, ModelError, TrainingError, DomainError or OSError, which become one sentence, and imports
    torch and its like itself, so that `--help` answers at once. `instead` gives the command that is meant, where that
    depends on the arguments. With `own_config` it reads what `--config` names itself.
    """

    name: str
    help: str
    description: str
    epilog: str = ""
    usage: str | None = None
    allow_abbrev: bool = True
    own_config: bool = False
    instead: Callable[[Sequence[str]], str] | None = None
    add_flags: Callable[[argparse.ArgumentParser], None] | None = None
    run: Callable[[argparse.Namespace], int]

    def add_to(self, commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
        """Add this command, without its flags, to those of a parser."""
        return commands.add_parser(
            self.name,
            usage=self.usage,
            help=self.help,
            description=self.description,
            epilog=self.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=self.allow_abbrev,
        )
