"""The commands `flask …` of operators."""

from __future__ import annotations

from flask import Flask

from app.cli import audit, copies, exchange, people, start

COMMANDS = (
    start.prepare,
    start.ensure_admin,
    start.accept_secret_key,
    people.create_user,
    people.set_password,
    people.remove_second_factor,
    people.delete_person,
    exchange.import_prompts,
    exchange.export,
    exchange.export_data_set,
    copies.backup,
    copies.restore,
    copies.copy_versions,
    copies.copy_database,
    audit.audit,
)


def register(app: Flask) -> None:
    """Add the commands."""
    for command in COMMANDS:
        app.cli.add_command(command)
