"""The commands about people's accounts."""

from __future__ import annotations

import click

from app.cli.plain_errors import plain_errors
from app.context import mellow
from app.db import Role
from app.domain_errors import Conflict, NotFound
from app.extensions import db
from app.services.people import accounts, deletion, passwords
from app.services.people.authentication import second_factor
from app.services.system import deletions


@click.command("create-user")
@click.argument("email")
@click.option("--role", type=click.Choice([str(role) for role in Role]), default=str(Role.ANNOTATOR), show_default=True)
@click.option("--name", default="", help="How the person is called on the pages.")
@click.password_option()
@plain_errors
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
@plain_errors
def set_password(email: str, password: str) -> None:
    """Set a person's password, with which they choose another one, and end their sessions."""
    user = passwords.set_password(db.session(), email, password)
    click.echo(f"{user.email} has a new password and is signed out everywhere.")


@click.command("remove-second-factor")
@click.argument("email")
@plain_errors
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
@plain_errors
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
