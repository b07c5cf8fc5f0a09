"""Runs a command as a terminal would."""

from __future__ import annotations

from click.testing import Result
from flask import Flask


def run(app: Flask, *arguments: str, said: str = "") -> Result:
    """Run `flask` with these arguments; `said` is what is typed."""
    with app.app_context():  # as the program `flask` has it
        return app.test_cli_runner().invoke(args=list(arguments), input=said)
