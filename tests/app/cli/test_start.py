"""What each start does before anything listens."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy.orm import Session

from app import create_app
from app.db import ApiToken, User
from app.services.people import api_tokens
from tests.app.cli.running import run
from tests.studio import Person, dispose, new_settings, parts, rows


@pytest.mark.long
def test_migrations_are_run_by_prepare_and_by_flask_db(tmp_path: Path, queue_url: str) -> None:
    home = tmp_path / "home"
    settings = new_settings(home, redis_url=queue_url)
    app = create_app(replace(settings, admin_email="ada@example.org", admin_password="a calm password"))
    assert run(app, "prepare").exit_code == 0
    with closing(sqlite3.connect(home / "mellow.db")) as database:
        assert database.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        assert database.execute("SELECT email FROM users").fetchall() == [("ada@example.org",)]
    assert run(app, "db", "-x", "anything", "upgrade").exit_code == 0
    assert "No such command 'nonsense'" in run(app, "db", "nonsense").stderr
    dispose(app)


def test_ensure_admin_makes_the_account_that_the_environment_names(app: Flask, session: Session) -> None:
    named = replace(
        parts(app).settings,
        admin_email="ada@example.org",
        admin_password="a calm password",
        api_token="a token of sixteen or more",
    )
    other = create_app(named)
    try:
        for _ in range(2):
            assert run(other, "ensure-admin").exit_code == 0
    finally:
        dispose(other)
    (user,) = rows(session, User)
    assert (user.email, user.role) == ("ada@example.org", "admin")
    assert Person(app, user.id, user.email, "a token of sixteen or more").call("GET", "/versions").status_code == 200
    assert not named.setup_token_path.exists()


def test_a_start_on_the_queue_of_another_studio_that_runs_is_refused(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = parts(app).queue
    with Redis.from_url(parts(app).settings.redis_url) as redis:
        redis.set("mellow:studio", "another", ex=50)
    monkeypatch.setattr("app.cli.start.click.echo", lambda _waits, err: queue.claim("another"))
    refused = run(app, "ensure-admin")
    assert refused.exit_code == 1
    assert "Error: Another studio that runs uses this queue: give each its own QUEUE_PREFIX" in refused.stderr


def test_a_token_of_the_environment_that_was_revoked_is_told_of(app: Flask, session: Session) -> None:
    named = replace(
        parts(app).settings,
        admin_email="ada@example.org",
        admin_password="a calm password",
        api_token="a token of sixteen",
    )
    other = create_app(named)
    try:
        assert run(other, "ensure-admin").stderr == ""
        (token,) = rows(session, ApiToken)
        api_tokens.revoke(session, token.user_id, token.user_id, token.id)
        again = run(other, "ensure-admin")
    finally:
        dispose(other)
    told = "MELLOW_API_TOKEN holds a token that was revoked: set another value.\n"
    assert (again.exit_code, again.stderr) == (0, told)


def test_without_such_an_account_ensure_admin_leaves_the_token_of_the_setup_page(app: Flask) -> None:
    path = parts(app).settings.setup_token_path
    assert run(app, "ensure-admin").exit_code == 0
    token = path.read_text()
    assert len(token) == 64
    run(app, "ensure-admin")
    assert path.read_text() == token
