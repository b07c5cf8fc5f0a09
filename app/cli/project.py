"""The option that says which project a command is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

import click

from app.db import enter
from app.domain_errors import NotFound
from app.extensions import db
from app.services.projects import projects

P = ParamSpec("P")


def in_project(command: Callable[P, None]) -> Callable[P, None]:
    """Add the option, with which the command's session sees that project instead of the first one."""
    option = click.option(
        "--project",
        metavar="SLUG",
        expose_value=False,
        callback=_enter,
        help="The project, as its addresses name it; the first one unless given.",
    )
    return option(command)


def _enter(_: click.Context, __: click.Parameter, slug: str | None) -> None:
    if slug is None:
        return
    try:
        enter(db.session(), projects.by_slug(db.session(), slug).id)
    except NotFound as refusal:
        raise click.ClickException(str(refusal)) from None
