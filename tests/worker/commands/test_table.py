"""The table of commands: every one is there with its words, and flags are made for the one that is given."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from models.settings.command_line import METHOD_OPTIONS
from worker.commands.methods import METHODS
from worker.commands.table import COMMANDS, add_parsers


def parsers(given: str) -> dict[str, argparse.ArgumentParser]:
    """The parser of each command by its name, where `given` is the one on the command line."""
    commands = argparse.ArgumentParser(prog="worker").add_subparsers(dest="command")
    add_parsers(commands, given)
    return dict(commands.choices)


def test_every_method_has_a_command() -> None:
    assert sorted(one.name for one in METHODS) == sorted({*METHOD_OPTIONS, "sft-chat"} - {"sft"})
    assert set(COMMANDS) > {one.name for one in METHODS}
    assert list(COMMANDS) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_does_and_names_its_flags(name: str) -> None:
    text = parsers(name)[name].format_help()
    command = COMMANDS[name]
    assert command.help
    assert command.description.strip() in text
    assert command.epilog.strip() in text
    assert max(map(len, command.description.splitlines())) <= 120


def test_flags_are_made_for_the_given_command_alone() -> None:
    made = parsers("kto")
    assert made["kto"].get_default("desirable_weight") == 1.0
    assert made["dpo"].get_default("beta") is None


def test_what_was_given_is_data_alone_so_that_the_same_command_is_known_again_by_its_hash() -> None:
    """An address of a function would differ in every process."""
    given = vars(parsers("sft")["sft"].parse_args(["--train_file", "pairs.tsv"]))
    assert given["num_train_epochs"] == 20
    assert not any(map(callable, given.values()))


def test_help_loads_no_training_library() -> None:
    code = (
        "import sys; from worker.commands.table import COMMANDS; "
        "print(sorted({'torch', 'transformers', 'trl', 'peft', 'datasets'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
