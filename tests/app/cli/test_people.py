"""What an operator does about accounts from a terminal."""

from __future__ import annotations

import pyotp
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Judgment, Role, User
from app.services.people import accounts
from app.services.people.authentication import second_factor
from tests import factories
from tests.app.cli.running import run
from tests.studio import Person, rows


def test_create_user_adds_a_person_who_may_sign_in(app: Flask, session: Session) -> None:
    password = "a calm password"
    result = run(app, "create-user", "Ada@example.org", "--role", "admin", "--name", "Ada", said=f"{password}\n" * 2)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "ada@example.org may sign in as admin.")
    assert password not in result.output
    (user,) = rows(session, User)
    assert (user.email, user.role, user.name) == ("ada@example.org", "admin", "Ada")
    assert accounts.authenticate(session, "ada@example.org", password) is user


def test_someone_created_without_a_role_is_an_annotator(app: Flask, session: Session) -> None:
    run(app, "create-user", "ada@example.org", "--password", "a calm password")
    assert [user.role for user in rows(session, User)] == ["annotator"]


def test_set_password_takes_the_place_of_a_forgotten_one(app: Flask, session: Session) -> None:
    run(app, "create-user", "ada@example.org", "--password", "a calm password")
    again = run(app, "create-user", "Ada@example.org", "--password", "a calm password")
    assert (again.exit_code, again.stderr) == (
        1,
        "Error: There is an account with that email already."
        " To set its password: flask --app app set-password ada@example.org"
        " or, without knowing it, make a reset link on the person's page.\n",
    )
    password = "nine quiet otters"
    result = run(app, "set-password", "Ada@example.org", said=f"{password}\n" * 2)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (
        0,
        "ada@example.org has a new password and is signed out everywhere.",
    )
    assert password not in result.output
    assert accounts.authenticate(session, "ada@example.org", password) is not None
    unknown = run(app, "set-password", "bob@example.org", "--password", password)
    assert (unknown.exit_code, unknown.stderr) == (1, "Error: There is no account with the email bob@example.org.\n")


def test_remove_second_factor_lets_somebody_in_who_lost_it(app: Flask, session: Session, annotator: Person) -> None:
    second_factor.draw(session, annotator.id, "key")
    secret = second_factor.drawn(session, annotator.id, "key") or ""
    second_factor.enable(session, annotator.id, "key", pyotp.TOTP(secret).now())
    said = run(app, "remove-second-factor", annotator.email.upper())
    assert (said.exit_code, said.stdout) == (
        0,
        f"{annotator.email} signs in without a second factor from now on.\n",
    )
    assert not second_factor.enabled(session, annotator.id)
    again = run(app, "remove-second-factor", annotator.email)
    assert (again.exit_code, again.stderr) == (1, f"Error: {annotator.email} has no second factor.\n")
    unknown = run(app, "remove-second-factor", "bob@example.org")
    assert (unknown.exit_code, unknown.stderr) == (1, "Error: There is no account with the email bob@example.org.\n")


def test_delete_person_deletes_somebody_or_all_but_their_judgments(app: Flask, session: Session) -> None:
    for email, options in (("ada@example.org", ()), ("bob@example.org", ("--keep-judgments",))):
        person = factories.user(session, email=email)
        factories.judgment(session, factories.generation(session, person.id))
        result = run(app, "delete-person", email.title(), *options)
        assert result.exit_code == 0, result.output
        said = f"{email.title()} is deleted. What stays is called {rows(session, User)[-1].name}.\n"
        assert result.stdout == said
    assert [judgment.id for judgment in rows(session, Judgment)] == [2]
    unknown = run(app, "delete-person", "ada@example.org")
    assert (unknown.exit_code, unknown.stderr) == (1, "Error: There is no account ada@example.org.\n")


def test_delete_person_deletes_somebody_whom_an_imported_file_names(app: Flask, session: Session) -> None:
    screen = factories.generation(session, factories.user(session).id)
    factories.judgment(session, screen, imported=True, annotator="Ada")
    result = run(app, "delete-person", "Ada", "--imported")
    assert (result.exit_code, result.stdout) == (0, "Ada is deleted.\n")
    assert rows(session, Judgment) == []


def test_delete_person_spares_the_last_admin(app: Flask, session: Session) -> None:
    factories.user(session, email="ada@example.org", role=Role.ADMIN)
    result = run(app, "delete-person", "ada@example.org")
    assert (result.exit_code, "at least one admin" in result.stderr) == (1, True)
