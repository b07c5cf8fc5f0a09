"""The commands of `python -m worker`, one a module.

Each has `add_parser(commands)`, which adds its command and makes its `run` the parser's default for `run`, and
`run(options)`, which carries it out and returns the exit code. A command may raise ConfigError, ModelError,
TrainingError, DomainError or OSError: `worker.cli` turns each into one sentence. A module imports torch and its like
inside `run`, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

Commands = argparse._SubParsersAction  # argparse has no public name for what add_subparsers returns
Run = Callable[[argparse.Namespace], int]


def add_parsers(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command of every module of this package, in the order of their names."""
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        import_module(f"{__name__}.{module.name}").add_parser(commands)
