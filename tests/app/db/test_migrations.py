"""The migrations lead to exactly the tables that app/db describes, and back, on both databases."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import CheckConstraint, Connection, Engine, create_engine, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from app import create_app
from app.config import Settings
from app.db import ApiToken, Base, Turn, now, one_at_a_time
from app.extensions import db
from app.services.prompts import prompts
from app.services.system import audit_copies
from tests import factories
from tests.processes import wait_for
from tests.studio import dispose

pytestmark = pytest.mark.long

TABLES = {
    "assigned_prompts",
    "assignees",
    "assignments",
    "group_members",
    "people_groups",
    "aliases",
    "api_tokens",
    "audit_events",
    "candidates",
    "deleted_judgments",
    "drawn_pools",
    "forgettings",
    "generations",
    "guess_counts",
    "import_pieces",
    "import_uploads",
    "imports",
    "invitations",
    "judgments",
    "labelled_pairs",
    "live_comparisons",
    "organisation_accounts",
    "password_resets",
    "preferences",
    "project_members",
    "projects",
    "prompts",
    "recovery_codes",
    "reservations",
    "reviews",
    "reward_heads",
    "run_metrics",
    "second_factors",
    "sessions",
    "studio_settings",
    "training_runs",
    "users",
    "versions",
    "webhook_deliveries",
    "webhooks",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """An application on an empty database."""
    environ = {"MELLOW_HOME": str(tmp_path / "home")}
    if request.param == "postgresql":
        environ["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    app = create_app(Settings.from_env(environ))
    yield app
    dispose(app)


@pytest.fixture
def engine(empty_app: Flask) -> Iterator[Engine]:
    """A way to look that does not go through the application."""
    engine = create_engine(empty_app.config["SQLALCHEMY_DATABASE_URI"], poolclass=NullPool)
    yield engine
    engine.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version", "sqlite_sequence"}


def checks(engine: Engine) -> dict[str, set[str | None]]:
    inspector = inspect(engine)
    return {table: {check["name"] for check in inspector.get_check_constraints(table)} for table in tables(engine)}


def test_every_table_has_a_migration(empty_app: Flask, engine: Engine) -> None:
    assert tables(engine) == set()
    with empty_app.app_context():
        upgrade()
    assert tables(engine) == set(Base.metadata.tables) == TABLES


def test_the_migrations_lead_to_what_the_tables_say(empty_app: Flask, engine: Engine) -> None:
    with empty_app.app_context():
        upgrade()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    declared = {
        name: {str(constraint.name) for constraint in table.constraints if isinstance(constraint, CheckConstraint)}
        for name, table in Base.metadata.tables.items()
    }
    assert checks(engine) == declared
    assert sum(map(len, declared.values())) >= 6


def test_they_write_the_very_same_schema(empty_app: Flask, engine: Engine) -> None:
    """Also what the comparison above does not see: partial indexes, AUTOINCREMENT."""
    with empty_app.app_context():
        upgrade()
        migrated = schema(engine)
        downgrade(revision="base")
    Base.metadata.create_all(engine)
    assert schema(engine) == migrated
    assert "undone_at IS NULL" in " ".join(migrated["uq__judgments__standing"])


def schema(engine: Engine) -> dict[str, list[str]]:
    """Every table, index and constraint as the database itself writes it, by name; the order of lines is left out."""
    if engine.dialect.name == "sqlite":
        wanted = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    else:
        wanted = (
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' UNION ALL "
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f')"
        )
    with engine.connect() as connection:
        found = connection.execute(text(wanted)).all()
    # A table that was copied has its name in quotes.
    lines = {
        name: sorted(line.strip().rstrip(",") for line in sql.replace('"', "").splitlines()) for name, sql in found
    }
    return {name: definition for name, definition in lines.items() if "alembic_version" not in name}


def test_the_way_back_leaves_nothing_and_the_way_forth_works_again(empty_app: Flask, engine: Engine) -> None:
    with empty_app.app_context():
        upgrade()
        downgrade(revision="base")
        assert tables(engine) == set()
        upgrade()
    assert tables(engine) == TABLES


def test_migrating_twice_changes_nothing(empty_app: Flask, engine: Engine) -> None:
    with empty_app.app_context():
        upgrade()
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO prompts (text, sha256, source, queued, priority, created_at) "
                    "VALUES ('kept', 'x', 'test', false, 0, '2026-01-01')"
                )
            )
        upgrade()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT text FROM prompts")).scalars().all() == ["kept"]


def test_a_table_that_others_refer_to_is_changed_without_losing_a_row(empty_app: Flask, engine: Engine) -> None:
    """SQLite changes training_runs by a copy; its measurements refer to it all the while."""
    with empty_app.app_context():
        upgrade(revision="47bb11f2e379")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO versions (number, method, location, sha256, metrics, created_at) "
                "VALUES (1, 'base', '/x', 'x', '{}', '2026-01-01')"
            )
        )
        connection.execute(text(RUN.format(id=1, parent=1, status="succeeded")))
        connection.execute(text("INSERT INTO run_metrics (run_id, step, name, value) VALUES (1, 3, 'loss', 0.5)"))
    with empty_app.app_context():
        upgrade()
    with engine.begin() as connection:
        assert connection.execute(text("SELECT id, parent_version, log FROM training_runs")).all() == [(1, 1, "kept")]
        assert connection.execute(text("SELECT run_id, value FROM run_metrics")).all() == [(1, 0.5)]
        (key,) = connection.execute(text("SELECT key FROM training_runs")).scalars().all()
        assert re.fullmatch("[0-9a-f]{32}", key), "a run from before there were keys has one now"
        now = RUN.replace("created_at)", "created_at, selection, key, deaths, furthest)")
        now = now.replace("'2026-01-01')", "'2026-01-01', '{{}}', 'another', 0, 0)")
        connection.execute(text(now.format(id=2, parent="NULL", status="failed")))
        with pytest.raises(IntegrityError):
            connection.execute(text("INSERT INTO run_metrics (run_id, step, name, value) VALUES (9, 3, 'loss', 0.5)"))
    with empty_app.app_context():
        downgrade(revision="47bb11f2e379")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id, log FROM training_runs")).all() == [(1, "kept")]
        assert connection.execute(text("SELECT run_id FROM run_metrics")).scalars().all() == [1]


OF_PROJECTS = ("aliases", "deleted_judgments", "generations", "judgments", "prompts", "training_runs", "versions")


@pytest.mark.parametrize("screens", [2, pytest.param(10_000, marks=pytest.mark.slow)])
def test_all_that_a_studio_has_becomes_its_first_project_and_nothing_is_lost(
    empty_app: Flask, engine: Engine, screens: int
) -> None:
    with empty_app.app_context():
        upgrade(revision="6d2b90f7e41a")
    run = RUN.replace("created_at)", "created_at, selection, key, deaths, furthest)")
    run = run.replace("'2026-01-01')", "'2026-01-01', '{{}}', 'a key', 0, 0)")
    with engine.begin() as connection:
        for statement in FIRST:
            connection.execute(text(statement))
        for number in range(1, screens + 1):
            for statement in SCREEN:
                connection.execute(text(statement.format(id=number, version=1, key=f"'key {number}'")))
        connection.execute(text(run.format(id=1, parent=1, status="succeeded")))
        connection.execute(
            text("INSERT INTO aliases (name, version_number, moves, moved_at) VALUES ('serving', 1, 1, '2026-01-01')")
        )
        connection.execute(text("INSERT INTO deleted_judgments (id, deleted_at) VALUES (9, '2026-01-01')"))
        columns = _columns(connection)
        before = _content(connection, columns)
    with empty_app.app_context():
        upgrade()
    with engine.connect() as connection:
        assert _content(connection, columns) == before
        for table in OF_PROJECTS:
            found = set(connection.execute(text(f"SELECT project_id FROM {table}")).scalars())
            assert found == {1}, table
        assert connection.execute(text("SELECT id, slug, instruction FROM projects")).all() == [(1, "first", "")]
    with empty_app.app_context():
        downgrade(revision="6d2b90f7e41a")
    with engine.connect() as connection:
        assert _columns(connection) == columns
        assert _content(connection, columns) == before


def _columns(connection: Connection) -> dict[str, list[str]]:
    """Every table with its columns; a name that SQL has a meaning for, as `right`, needs the quotes."""
    inspector = inspect(connection)
    return {
        table: sorted(f'"{one["name"]}"' for one in inspector.get_columns(table))
        for table in sorted(set(inspector.get_table_names()) - {"alembic_version", "sqlite_sequence"})
    }


def _content(connection: Connection, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """Every row of these tables, by these columns: later migrations may have added others."""
    return {
        table: sorted(map(repr, connection.execute(text(f"SELECT {', '.join(names)} FROM {table}"))))
        for table, names in columns.items()
    }


def test_going_back_takes_what_no_version_wrote_and_nothing_else(empty_app: Flask, engine: Engine) -> None:
    """Attention checks and imported choices do not fit the older tables; an ordinary judgment stays."""
    with empty_app.app_context():
        upgrade()
    with engine.begin() as connection:
        for statement in FIRST:
            connection.execute(text(statement))
        for number, version in ((1, "NULL"), (2, "1")):
            for statement in SCREEN:
                connection.execute(text(statement.format(id=number, version=version, key=f"'key {number}'")))
    with empty_app.app_context():
        downgrade(revision="8c1d5a0e6b42")
    with engine.connect() as connection:
        for table in ("generations", "candidates", "judgments", "preferences"):
            assert connection.execute(text(f"SELECT id FROM {table}")).scalars().all() == [2]


def test_judgments_of_old_databases_get_a_key_each_and_keep_those_they_have(empty_app: Flask, engine: Engine) -> None:
    with empty_app.app_context():
        upgrade(revision="c27d90b4e1f6")
        with engine.begin() as connection:
            for statement in (OLD_USER, *FIRST[1:]):
                connection.execute(text(statement))
            for number, key in ((1, "NULL"), (2, "'kept'"), (3, "NULL")):
                for statement in SCREEN:
                    said = statement.format(id=number, version="1", key=key)
                    connection.execute(text(said.replace(" imported,", "").replace("false, false", "false")))
        upgrade()
        with engine.connect() as connection:
            first, second, third = connection.execute(text("SELECT client_key FROM judgments ORDER BY id")).scalars()
        assert second == "kept"
        assert first != third
        assert all(re.fullmatch("j-[0-9a-f]{32}", one) for one in (first, third))


def test_people_of_old_databases_keep_their_password_and_sign_in_again(empty_app: Flask, engine: Engine) -> None:
    with empty_app.app_context():
        upgrade(revision="b83e5d0c61fa")
        with engine.begin() as connection:
            connection.execute(text(OLD_USER))
        upgrade()
        with engine.connect() as connection:
            assert connection.execute(text("SELECT password_hash, must_change_password FROM users")).all() == [("x", 0)]
            assert connection.execute(text("SELECT count(*) FROM sessions")).scalar_one() == 0
        downgrade(revision="b83e5d0c61fa")
    with engine.connect() as connection:
        assert re.fullmatch("[0-9a-f]{32}", connection.execute(text("SELECT session_key FROM users")).scalar_one())


USER = (
    "INSERT INTO users (id, email, name, password_hash, role, active, must_change_password, settings, created_at) "
    "VALUES (1, 'a@b', '', 'x', 'admin', true, false, '{}', '2026-01-01')"
)
OLD_USER = USER.replace("must_change_password", "session_key").replace("false", "'x'")
FIRST = (
    USER,
    "INSERT INTO versions (number, method, location, sha256, metrics, note, created_at) "
    "VALUES (1, 'base', '/x', 'x', '{}', '', '2026-01-01')",
    "INSERT INTO prompts (id, text, sha256, source, queued, priority, created_at) "
    "VALUES (1, 'x', 'x', 'x', false, 0, '2026-01-01')",
)
SCREEN = (
    "INSERT INTO generations (id, prompt_id, user_id, sampling, seed, milliseconds, gold, created_at) "
    "VALUES ({id}, 1, 1, '{{}}', 0, 0, false, '2026-01-01')",
    "INSERT INTO candidates (id, generation_id, position, text, log_probability, version_number) "
    "VALUES ({id}, {id}, 0, 'y', 0, {version})",
    "INSERT INTO judgments (id, generation_id, user_id, verdict, candidate_id, flagged, imported, client_key, "
    "created_at) "
    "VALUES ({id}, {id}, 1, 'chosen', {id}, false, false, {key}, '2026-01-01')",
    "INSERT INTO preferences (id, judgment_id, prompt, chosen, rejected, weight) VALUES ({id}, {id}, 'x', 'y', 'z', 1)",
)

RUN = (
    "INSERT INTO training_runs (id, method, config, status, stage, step, total_steps, pairs, last_judgment_id, "
    "attempts, parent_version, log, created_at) "
    "VALUES ({id}, 'dpo', '{{}}', '{status}', 'x', 0, 0, 0, 0, 1, {parent}, 'kept', '2026-01-01')"
)


def test_prompts_of_old_databases_are_found_by_what_they_read_like(empty_app: Flask, engine: Engine) -> None:
    texts = ["a\r\nb", "caf\u00e9", "cafe\u0301", "plain"]
    insert = text(
        "INSERT INTO prompts (text, sha256, source, queued, priority, created_at) "
        "VALUES (:text, :sha256, 'test', false, 0, '2026-01-01')"
    )
    raw = {one: hashlib.sha256(one.encode()).hexdigest() for one in texts}
    stored = text("SELECT text, sha256 FROM prompts")
    with empty_app.app_context():
        upgrade(revision="8a41c6e20d57")
        with engine.begin() as connection:
            connection.execute(insert, [{"text": one, "sha256": raw[one]} for one in texts])
        upgrade()
        with engine.connect() as connection:
            found = {row.text: row.sha256 for row in connection.execute(stored)}
        assert found == raw | {"a\r\nb": prompts.digest_of("a\nb")}, "of two that read the same, the first is found"
        assert found["caf\u00e9"] == prompts.digest_of("cafe\u0301")
        downgrade(revision="8a41c6e20d57")
    with engine.connect() as connection:
        assert {row.text: row.sha256 for row in connection.execute(stored)} == raw


def test_an_audit_log_from_before_there_was_a_chain_is_chained(empty_app: Flask, engine: Engine) -> None:
    insert = text(
        "INSERT INTO audit_events (id, action, subject, details, created_at) "
        "VALUES (:id, 'user.joined', 'user 1', :details, '2026-01-01 12:00:00.5')"
    )
    stored = [{"id": number, "details": '{"email": "\u00e4@b", "of": [1, null]}'} for number in (1, 2, 5)]
    with empty_app.app_context():
        upgrade(revision="b83e5d0c61fa")
        with engine.begin() as connection:
            connection.execute(insert, stored)
        upgrade()
        factories.audit_event(db.session())
        found = audit_copies.verify(db.session())
        assert (found.broken, found.count, found.first, found.last) == (None, 4, 1, 6)
        db.session.remove()
        downgrade(revision="b83e5d0c61fa")
    with engine.begin() as connection:
        number = connection.execute(
            text(
                "INSERT INTO audit_events (action, subject, details, created_at) "
                "VALUES ('x', 'x', '{}', '2026-01-01') RETURNING id"
            )
        ).scalar_one()
    assert number == 7, "an older Mellow writes on"


PERSON = (
    "INSERT INTO users (id, email, name, password_hash, role, api_token_hash, active, session_key, settings, "
    "created_at) VALUES ({id}, 'a{id}', '', 'x', '{role}', {token}, true, 'k{id}', '{{}}', '2026-01-01')"
)


def test_the_one_token_of_before_goes_on_working_and_comes_back(empty_app: Flask, engine: Engine) -> None:
    with empty_app.app_context():
        upgrade(revision="b83e5d0c61fa")
        with engine.begin() as connection:
            for number, role, token in ((1, "admin", "'one'"), (2, "annotator", "'two'"), (3, "annotator", "NULL")):
                connection.execute(text(PERSON.format(id=number, role=role, token=token)))
        upgrade()
    with Session(engine) as session:
        first, second = session.scalars(select(ApiToken).order_by(ApiToken.user_id)).all()
        assert (first.user_id, first.name, first.token_hash, first.expires_at) == (1, "Earlier token", "one", None)
        assert (first.scopes, second.scopes) == (["annotate", "read", "admin"], ["annotate", "read"])
        session.add(ApiToken(user_id=1, name="narrow", token_hash="narrow", scopes=["read"]))
        session.add(ApiToken(user_id=3, name="for a day", token_hash="brief", scopes=second.scopes, expires_at=now()))
        session.commit()
    with empty_app.app_context():
        downgrade(revision="b83e5d0c61fa")
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT id, api_token_hash FROM users ORDER BY id")).all()
        assert kept == [(1, "one"), (2, "two"), (3, None)], "none that could do less, or would have ended"


@pytest.mark.parametrize("empty_app", ["sqlite"], indirect=True)
def test_ids_of_old_databases_go_on_and_are_not_used_again(empty_app: Flask, engine: Engine) -> None:
    with empty_app.app_context():
        upgrade(revision="d4a7f20e9c31")
        with engine.begin() as connection:
            for statement in (*FIRST, *(one.format(id=7, version="1", key="'kept'") for one in SCREEN)):
                connection.execute(text(statement))
        upgrade()
    with engine.begin() as connection:
        assert connection.execute(text("SELECT id, client_key FROM judgments")).all() == [(7, "kept")]
        for table in ("preferences", "judgments", "candidates", "generations"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text(SCREEN[0].format(id="NULL")))
        assert connection.execute(text("SELECT id FROM generations")).scalars().all() == [8]


def test_of_two_machines_that_start_at_once_the_second_migrates_when_the_first_has(
    postgres_url: str, tmp_path: Path
) -> None:
    app = create_app(Settings.from_env({"MELLOW_HOME": str(tmp_path), "DATABASE_URL": postgres_url}))
    engine = create_engine(app.config["SQLALCHEMY_DATABASE_URI"], poolclass=NullPool)

    def migrates() -> None:
        with app.app_context():
            upgrade()

    with engine.connect() as watching, ThreadPoolExecutor(1) as pool:
        with Session(engine) as first:
            one_at_a_time(first, Turn.MIGRATIONS)
            second = pool.submit(migrates)
            waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            wait_for(lambda: second.done() or watching.scalar(waits), what="the second at the lock")
            assert tables(engine) == set()
        second.result(60)
    assert tables(engine) == TABLES
    dispose(app)
