"""How flags are spelled: hyphens do for underscores, and an unknown flag is answered with the one that was meant."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from difflib import get_close_matches


def spelled(arguments: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """Return the arguments with `--train-file` as `--train_file`, where the parser has the one and not the other."""
    known = _flags(parser)
    found = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name.startswith("--") and name not in parser._option_string_actions:
            name = known.get(_plain(name), name)
        found.append(f"{name}{equals}{value}")
    return found


def not_known(arguments: Sequence[str], parser: argparse.ArgumentParser) -> str:
    """Return what is said of arguments that the parser does not know, with the flag that was meant if one is close."""
    said = f"unrecognized arguments: {' '.join(arguments)}"
    known = _flags(parser)
    for argument in arguments:
        if argument.startswith("--"):
            close = get_close_matches(_plain(argument.partition("=")[0]), known, n=1, cutoff=0.7)
            return f"{said} (did you mean {known[close[0]]}?)" if close else said
    return said


def _flags(parser: argparse.ArgumentParser) -> Mapping[str, str]:
    """Return the long flags of the parser, by their names without regard to hyphens and underscores."""
    return {_plain(name): name for name in parser._option_string_actions if name.startswith("--")}


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_")
