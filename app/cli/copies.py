"""The commands that copy what is stored: backups, versions and whole databases."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from redis.exceptions import RedisError

from app.cli.plain_errors import plain_errors
from app.config import PROJECT_ROOT, ConfigError, Settings, store_address
from app.context import mellow
from app.domain_errors import Conflict
from app.extensions import db
from app.services.system import backups
from app.services.system.databases import copying as database_copying
from models.store import copying as version_copying
from models.store.opening import open_store

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory


@click.command("backup")
@plain_errors
def backup() -> None:
    """Keep a consistent copy of the database and the list of versions, and print where it lies."""
    settings = mellow().settings
    made = backups.make(db.session(), settings, None)
    click.echo(backups.place(settings, made.name))


@click.command("restore")
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Unpack a large backup without a question.")
@plain_errors
def restore(path: Path, *, yes: bool) -> None:
    """Put the database of a backup in the place of the present one, which is kept. Mellow must not be running.

    FILE is the backup, or the name of one that is kept.
    """
    with backups.brought(mellow().settings, path) as file:
        _restore(file, yes=yes)


def _restore(path: Path, *, yes: bool) -> None:
    settings = mellow().settings
    size = backups.unpacked_bytes(path)
    if size >= backups.MUCH_BYTES and not yes:
        click.confirm(f"{path} unpacks to {size / 1024**3:.1f} GB. Go on?", abort=True)
    _refuse_while_running()
    restored = backups.restore(settings, path, frozenset(one.revision for one in _migrations().walk_revisions()))
    click.echo(f"The database is as it was at {restored.made_at}, with {restored.versions} versions.")
    if restored.before:
        click.echo(f"What was there before is kept as {restored.before}.")
    for number in restored.missing:
        click.echo(f"Version {number} has no files at {mellow().store.location(number)}: copy them back.", err=True)


@click.command("copy-versions")
@click.argument("source")
@plain_errors
def copy_versions(source: str) -> None:
    """Copy versions and uploaded data from SOURCE, a folder or an address, into the store that MELLOW_STORE names.

    What is there already stays; the same command goes on where it was interrupted.
    """
    settings = mellow().settings
    address = store_address("SOURCE", source)
    folder = settings.home / "cache" / "copied" if address else Path(source).expanduser().resolve(strict=True)
    left = open_store(dataclasses.replace(settings, store=folder, store_address=address))
    for number in version_copying.copy_versions(left, mellow().store):
        click.echo(f"Version {number} is at {mellow().store.location(number)}.")
    uploads = version_copying.copy_uploads(left, mellow().store, lambda sentence: click.echo(sentence, err=True))
    click.echo(f"{uploads} uploads are there.")


@click.command("copy-database")
@click.argument("target", metavar="DATABASE_URL")
@plain_errors
def copy_database(target: str) -> None:
    """Copy everything into the empty database that DATABASE_URL names, such as postgresql://mellow@host/mellow.

    It must be at the same migration, and Mellow must not be running. Nothing changes in the present database.
    """
    settings = mellow().settings
    try:
        url = Settings.from_env({"MELLOW_HOME": str(settings.home), "DATABASE_URL": target}).database_url
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    _refuse_while_running()
    revision = _migrations().get_current_head() or ""
    copied = database_copying.copy(
        settings.database_url, url, revision, lambda one: click.echo(f"{one.table}: {one.rows:,} rows, {one.digest}")
    )
    rows = sum(one.rows for one in copied)
    click.echo(f"The copy was read again and compared: it holds all {rows:,} rows of {len(copied)} tables.")


def _refuse_while_running() -> None:
    """Raise Conflict if the queue knows a web process or worker; without a queue the database itself says so later."""
    with suppress(RedisError):
        if mellow().queue.reports() or mellow().queue.workers():
            raise Conflict("Mellow is running: stop it first.")


def _migrations() -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(PROJECT_ROOT / "migrations"))
