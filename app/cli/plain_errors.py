"""Errors of a command as one sentence instead of a traceback."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from app.config import ConfigError, Settings
from app.domain_errors import DomainError
from models.model_errors import ModelError

P = ParamSpec("P")


def settings_of_environment() -> Settings:
    """Return the settings of the environment; for a command a bad one is one sentence, not a traceback."""
    try:
        return Settings.from_env()
    except ConfigError as error:
        if click.get_current_context(silent=True) is None:
            raise
        raise click.ClickException(str(error)) from None


def plain_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Print a refusal as one sentence instead of a traceback."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (DomainError, ModelError, ConfigError) as error:
            raise click.ClickException(str(error)) from None
        except BrokenPipeError:
            raise  # the reader has closed the pipe, which is no error
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{where}{error.strerror or error}.") from None

    return wrapped
