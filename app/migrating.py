"""`flask db …` and `flask_migrate.upgrade`, loaded when used: they import Alembic, which web processes do not need."""

from __future__ import annotations

from typing import Any

import click
from flask import Flask

from app.config import PROJECT_ROOT
from app.extensions import db


class _LazyMigrate:
    """A placeholder for Flask-Migrate's configuration, replaced by the real one at the first access."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        from flask_migrate import Migrate

        Migrate(self._app, db, directory=str(PROJECT_ROOT / "migrations"))
        return getattr(self._app.extensions["migrate"], name)


class _LazyCommands(click.Command):
    """Flask-Migrate's group of commands, loaded when it is called."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return the context of the real group, which then does the rest."""
        from flask_migrate.cli import db as commands

        context: click.Context = commands.make_context(info_name, args, parent, **extra)
        return context


def init_app(app: Flask) -> None:
    """Add the commands; nothing is loaded yet."""
    app.extensions["migrate"] = _LazyMigrate(app)
    app.cli.add_command(_LazyCommands("db", help="Perform database migrations."))
