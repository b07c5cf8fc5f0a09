"""The commands of `python -m worker`, one a module; those that train by one method are in `methods`.

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
    """Add the command of every module of this package and of `methods`, in the order of their names."""
    methods = import_module(f"{__name__}.methods")
    found = [
        (module.name, f"{package}.{module.name}")
        for package, path in ((__name__, __path__), (methods.__name__, methods.__path__))
        for module in iter_modules(path)
        if not module.ispkg
    ]
    for _, address in sorted(found):
        import_module(address).add_parser(commands)
