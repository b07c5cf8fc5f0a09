"""The commands `flask …` of operators."""

from __future__ import annotations

import dataclasses
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, get_args

import click
from flask import Flask
from redis.exceptions import RedisError

from app.config import PROJECT_ROOT, ConfigError, Settings, store_address
from app.context import mellow
from app.db import Role
from app.domain_errors import Conflict, DomainError, Invalid, NotFound
from app.extensions import db
from app.runtime import announcements
from app.services.exchange import exports, imports
from app.services.exchange.hub import data_set
from app.services.exchange.hub.data_set import Contents
from app.services.exchange.incoming.import_plan import ImportPlan
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.mapping import is_known
from app.services.exchange.outgoing import manifest
from app.services.exchange.outgoing.manifest import Export, ExportPlan
from app.services.exchange.outgoing.redaction import Choices, Evaluation, Personal
from app.services.people import accounts, api_tokens, deletion, passwords
from app.services.people.authentication import common_key, second_factor
from app.services.prompts.prompts import ImportReport
from app.services.system import audit_copies, backups, deletions
from app.services.system.databases import copying as database_copying
from models.model_errors import ModelError
from models.store import copying as version_copying
from models.store.opening import open_store

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

P = ParamSpec("P")

_WAITS = "Another studio has claimed this queue: waiting for a minute at most, in case that it has ended."


def register(app: Flask) -> None:
    """Add the commands."""
    people = (prepare, ensure_admin, accept_secret_key, create_user, set_password, remove_second_factor, delete_person)
    copies = (copy_versions, copy_database)
    for command in (*people, import_prompts, export, export_data_set, backup, restore, *copies):
        app.cli.add_command(command)
    app.cli.add_command(audit)


def settings() -> Settings:
    """Read the settings of the environment; for a command a bad one is one sentence, not a traceback."""
    try:
        return Settings.from_env()
    except ConfigError as error:
        if click.get_current_context(silent=True) is None:
            raise
        raise click.ClickException(str(error)) from None


def _plain_errors(command: Callable[P, None]) -> Callable[P, None]:
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


@click.command("ensure-admin")
@_plain_errors
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
@_plain_errors
def accept_secret_key() -> None:
    """Let web machines with this machine's SECRET_KEY use the database, and no others: after it was changed on all."""
    common_key.accept(db.session(), mellow().settings.secret_key)
    click.echo("Machines with this SECRET_KEY are let in from now on; with another one none starts.")


@click.command("create-user")
@click.argument("email")
@click.option("--role", type=click.Choice([str(role) for role in Role]), default=str(Role.ANNOTATOR), show_default=True)
@click.option("--name", default="", help="How the person is called on the pages.")
@click.password_option()
@_plain_errors
def create_user(email: str, role: str, name: str, password: str) -> None:
    """Add a person who may sign in, and then chooses another password."""
    try:
        user = accounts.add_user(db.session(), None, email, password, role, name)
    except Conflict as refusal:
        raise Conflict(
            f"{refusal} To set its password: flask --app app set-password {email.strip().lower()}"
            " or, without knowing it, make a reset link on the person's page."
        ) from None
    click.echo(f"{user.email} may sign in as {user.role}.")


@click.command("set-password")
@click.argument("email")
@click.password_option()
@_plain_errors
def set_password(email: str, password: str) -> None:
    """Set a person's password, with which they choose another one, and end their sessions."""
    user = passwords.set_password(db.session(), email, password)
    click.echo(f"{user.email} has a new password and is signed out everywhere.")


@click.command("remove-second-factor")
@click.argument("email")
@_plain_errors
def remove_second_factor(email: str) -> None:
    """Take away the second factor of a person who has lost it."""
    person = accounts.by_email(db.session(), email)
    if person is None:
        raise NotFound(f"There is no account with the email {accounts.normal(email)}.")
    second_factor.remove(db.session(), None, person.id)
    click.echo(f"{person.email} signs in without a second factor from now on.")


@click.command("delete-person")
@click.argument("email")
@click.option("--keep-judgments", is_flag=True, help="Keep the person's judgments under a pseudonym.")
@click.option("--imported", is_flag=True, help="EMAIL is a name that imported files have for somebody.")
@_plain_errors
def delete_person(email: str, keep_judgments: bool, imported: bool) -> None:
    """Delete a person for ever, with all that they wrote."""
    session = db.session()
    if imported:
        deleted = deletion.delete_imported(session, None, email, email, keep_judgments)
    else:
        user = deletion.by_email(session, email)
        deleted = deletion.delete_person(session, None, user.id, user.email, keep_judgments)
    left = deletions.finish(db.engine, mellow().settings.home, deleted.texts)
    click.echo(
        f"{email.strip()} is deleted." + (f" What stays is called {deleted.pseudonym}." * bool(deleted.pseudonym))
    )
    if left:
        click.echo(left, err=True)


@click.command("import-prompts")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--leave-out", "left_out", multiple=True, metavar="COLUMN", help="Do not keep this column.")
@_plain_errors
def import_prompts(path: Path, left_out: tuple[str, ...]) -> None:
    """Queue the texts of a file for the annotators: CSV, TSV, JSON, JSON Lines, XLSX, Parquet or plain lines.

    Its other columns are kept with the texts, but for those that are left out. A folder or a zip in the layout of the
    Hugging Face hub is read as its one file of data.
    """
    session, longest, report = db.session(), mellow().settings.max_text_length, ImportReport()
    found = imports.preview(session, path, {}, longest)
    if len(found.found.columns) > 1 and not is_known(found.mapping.text):
        columns = ", ".join(found.found.columns)[:200]
        raise Invalid(f"Call the column of the texts `text`, or map it on the Data page: the columns are {columns}.")
    beside = found.beside()
    unknown = [name for name in left_out if name not in beside]
    if unknown:
        there = ", ".join(beside)[:200] or "none"
        raise Invalid(f"There is no column {unknown[0]} beside the texts: there are {there}.")
    leave_out = [*found.mapping.leave_out, *left_out]
    kept = [name for name in beside if name not in leave_out]
    plan = ImportPlan.parse(found.mapping.as_json() | {"leave_out": leave_out}, path.name)
    for progress in imports.run(session, None, path, plan, longest):
        report = progress.report
    counted = [
        f"{number} {what}"
        for number, what in ((report.checks, "as attention checks"), (report.judged, "judged often enough"))
        if number
    ]
    click.echo(
        ", ".join(
            [
                f"{report.waiting} queued",
                *counted,
                f"{report.duplicates} known already",
                f"{report.rejected_count} not usable",
            ]
        )
        + "."
    )
    if report.unused_count:
        click.echo(f"Parts of rows that are not used: {report.unused_count}.")
    if kept:
        click.echo(f"Kept with them: {', '.join(kept)}.")
    for row in report.rejected:
        click.echo(f"  line {row['line']}: {row['reason']}", err=True)
    if report.rejected and not report.added + report.duplicates:
        raise SystemExit(1)


@click.command("backup")
@_plain_errors
def backup() -> None:
    """Keep a consistent copy of the database and the list of versions, and print where it lies."""
    settings = mellow().settings
    made = backups.make(db.session(), settings, None)
    click.echo(backups.place(settings, made.name))


@click.command("restore")
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Unpack a large backup without a question.")
@_plain_errors
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
@_plain_errors
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
@_plain_errors
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


def _redaction(command: Callable[P, None]) -> Callable[P, None]:
    """Add the options of what may be masked or left out of an export."""
    personal = click.option(
        "--personal",
        type=click.Choice(get_args(Personal)),
        default="keep",
        show_default=True,
        help="What becomes of e-mail addresses, telephone numbers, handles and the like.",
    )
    evaluation = click.option(
        "--evaluation",
        type=click.Choice(get_args(Evaluation)),
        default="keep",
        show_default=True,
        help="What becomes of texts that versions are tested on, and their near-duplicates.",
    )
    return personal(evaluation(command))


@click.command("export")
@click.option("--format", "format_name", type=click.Choice(list(exports.FORMATS)), default="trl", show_default=True)
@click.option("--pseudonyms", is_flag=True, help="Give people names that are drawn for this export alone.")
@_redaction
@click.option(
    "--manifest",
    "place",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a new file that says what was exported, masked and left out.",
)
@_plain_errors
def export(format_name: str, pseudonyms: bool, personal: Personal, evaluation: Evaluation, place: Path | None) -> None:
    """Write every standing judgment to standard output."""
    choices = Choices(personal, evaluation)
    if choices.alter and place is None:
        raise Invalid("Name a file for what is masked and left out: --manifest FILE.")
    if place is None:
        _print(exports.content(db.session(), format_name, pseudonyms=pseudonyms))
        return
    made = Export(db.session(), ExportPlan(format_name, JudgmentFilter(), pseudonyms, choices))
    with place.open("x", encoding="utf-8") as file:
        _print(made.content())
        file.write(manifest.as_text(made.manifest()))


def _print(pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.flush()  # so that a full disk is reported as an error of this command


@click.command("export-dataset")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--contents", type=click.Choice(get_args(Contents)), default="pairs", show_default=True)
@_redaction
@_plain_errors
def export_data_set(path: Path, contents: Contents, personal: Personal, evaluation: Evaluation) -> None:
    """Write what stands as a new zip in the layout of the Hugging Face hub: a card, a manifest and a Parquet file."""
    choices = Choices(personal, evaluation)
    with data_set.archive(db.session(), contents, choices=choices) as made, path.open("xb") as file:
        shutil.copyfileobj(made, file)


@click.group("audit")
def audit() -> None:
    """Check and copy the audit log."""


@audit.command("export")
@click.option("--since", type=click.IntRange(min=0), metavar="ID", help="Only the entries after this one.")
@_plain_errors
def export_audit(since: int | None) -> None:
    """Write the audit log to standard output as JSON Lines, to be kept where nobody who can write to Mellow can."""
    _print(audit_copies.pieces(db.session(), since))


@audit.command("verify")
@click.option("--head", metavar="HASH|FILE", help="The hash of an entry, or a copy whose last one must still be there.")
@click.option("--file", "copy", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Check this copy.")
@_plain_errors
def verify_audit(head: str | None, copy: Path | None) -> None:
    """Check that nothing in the audit log, or in a copy of it, was changed, removed or inserted."""
    wanted = _head(head) if head else None
    if copy:
        with copy.open("rb") as file:
            found = audit_copies.verify_copy(file, wanted)
    else:
        found = audit_copies.verify(db.session(), wanted)
    if found.broken:
        raise Conflict(f"The chain breaks at entry {found.broken.id}. {found.broken.sentence}")
    span = f" ({found.first} to {found.last})" if found.count else ""
    click.echo(f"The chain holds: {found.count} entries{span}, {found.erased} details erased.")
    click.echo(f"head {found.head}")
    if wanted and found.wanted_at is None:
        raise Conflict(f"No entry has the hash {wanted}: entries were removed from the end, or all of it is new.")
    if wanted:
        click.echo(f"The entry with the given hash is {found.wanted_at}.")


def _head(given: str) -> str:
    """Return a hash as it is given, or that of the last entry of a copy; raises Invalid."""
    if re.fullmatch("[0-9a-f]{64}", given):
        return given
    with Path(given).open("rb") as file:
        found = audit_copies.verify_copy(file)
    if found.broken:
        raise Invalid(f"The chain of the copy {given} breaks at entry {found.broken.id}. {found.broken.sentence}")
    return found.head
