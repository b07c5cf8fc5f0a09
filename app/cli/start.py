"""The commands of each start: migrate the database and make sure that an admin can sign in."""

from __future__ import annotations

from contextlib import suppress

import click
from redis.exceptions import RedisError

from app.cli.plain_errors import plain_errors
from app.context import mellow
from app.extensions import db
from app.runtime import announcements
from app.services.people import accounts, api_tokens
from app.services.people.authentication import common_key

_WAITS = "Another studio has claimed this queue: waiting for a minute at most, in case that it has ended."


@click.command("ensure-admin")
@plain_errors
def ensure_admin() -> None:
    """Create the admin that ADMIN_EMAIL and ADMIN_PASSWORD name, or the token of the setup page if there is no one."""
    settings = mellow().settings
    common_key.check(db.session(), settings.secret_key)
    with suppress(RedisError):  # while it is away, the web processes go on asking
        announcements.claim_queue_at_start(mellow().queue, db.session(), lambda: click.echo(_WAITS, err=True))
    if settings.admin_email:
        admin = accounts.ensure_admin(db.session(), settings.admin_email, settings.admin_password)
        if settings.api_token and not api_tokens.follow_setting(db.session(), admin.id, settings.api_token):
            click.echo("MELLOW_API_TOKEN holds a token that was revoked: set another value.", err=True)
    accounts.leave_setup_token(db.session(), settings.setup_token_path, common_key.setup_token(settings.secret_key))


@click.command("prepare")
@click.pass_context
def prepare(context: click.Context) -> None:
    """Migrate the database and ensure the admin, as each start does, in one process: two take a second longer."""
    from flask_migrate import upgrade

    upgrade()
    context.invoke(ensure_admin)


@click.command("accept-secret-key")
@plain_errors
def accept_secret_key() -> None:
    """Let web machines with this machine's SECRET_KEY use the database, and no others: after it was changed on all."""
    common_key.accept(db.session(), mellow().settings.secret_key)
    click.echo("Machines with this SECRET_KEY are let in from now on; with another one none starts.")
