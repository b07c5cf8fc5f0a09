"""Prebuilt statements say what SQLAlchemy's way says: the same rows, the same values, the same errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, bindparam, create_engine, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import ENGINE_OPTIONS, Base, Prebuilt, PrebuiltInsert, RecoveryCode, User, Webhook
from tests.postgres import end_connections

MOMENT = datetime(2026, 5, 4, 3, 2, 1, 600, tzinfo=UTC)
USERS: Any = User.__table__
WEBHOOKS: Any = Webhook.__table__
PERSON = {
    "email": "ada@example.org",
    "name": "Ada",
    "password_hash": "none",
    "role": "admin",
    "active": True,
    "must_change_password": False,
    "settings": {"theme": "dark", "words": ["é", None]},
    "last_seen_at": MOMENT,
    "created_at": MOMENT,
}
ADD_USER = PrebuiltInsert(USERS, PERSON)
CODES: Any = RecoveryCode.__table__
ADD_WITH_CODES = PrebuiltInsert(USERS, PERSON, CODES.c.user_id, ("code_hash", "used_at"))
ALL_USERS = select(*(USERS.c[name] for name in ("id", *PERSON))).order_by(USERS.c.id)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """An SQLite file with every table."""
    engine = create_engine(f"sqlite:///{tmp_path / 'a.db'}", **ENGINE_OPTIONS)
    Base.metadata.create_all(engine)
    return engine


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with engine.connect() as connection:
        yield connection


def test_a_row_comes_back_as_sqlalchemy_reads_it(connection: Connection) -> None:
    number = ADD_USER.add(connection, PERSON)

    (seen,) = Prebuilt(ALL_USERS).rows(connection, {})

    assert tuple(seen) == tuple(connection.execute(ALL_USERS).one())
    assert tuple(seen) == (number, *PERSON.values())
    assert seen[5] is True, "a boolean is no number"


def test_what_is_written_is_what_sqlalchemy_writes(connection: Connection) -> None:
    ADD_USER.add(connection, PERSON)
    connection.execute(insert(USERS).values(PERSON | {"email": "bo@example.org"}))

    columns = ", ".join(name for name in PERSON if name != "email")
    raw = connection.exec_driver_sql(f"SELECT {columns} FROM users ORDER BY id").all()

    assert raw[0] == raw[1]


def test_parameters_are_converted_in_a_condition_too(connection: Connection) -> None:
    ADD_USER.add(connection, PERSON)
    seen = Prebuilt(
        update(USERS).where(USERS.c.last_seen_at < bindparam("before")).values(last_seen_at=bindparam("present"))
    )
    later = MOMENT.replace(year=2027)

    seen.run(connection, [{"before": MOMENT, "present": later}])
    untouched = connection.execute(select(USERS.c.last_seen_at)).scalar_one()
    seen.run(connection, [{"before": later, "present": later}])

    assert (untouched, connection.execute(select(USERS.c.last_seen_at)).scalar_one()) == (MOMENT, later)


def test_a_row_that_a_unique_index_refuses_is_none_and_leaves_the_transaction_as_it_was(connection: Connection) -> None:
    first = ADD_USER.add(connection, PERSON)
    again = ADD_USER.add(connection, PERSON)
    other = ADD_USER.add(connection, PERSON | {"email": "bo@example.org"})

    assert again is None
    assert [row[0] for row in connection.execute(ALL_USERS)] == [first, other]


@pytest.mark.parametrize(
    "wrong", [{"role": "king"}, {"name": None}], ids=["a check constraint", "a column that must have a value"]
)
def test_any_other_constraint_raises_as_sqlalchemy_does_and_tells_no_values(
    connection: Connection, wrong: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError) as told:
        ADD_USER.add(connection, PERSON | wrong)

    assert "ada@example.org" not in str(told.value)


def test_many_rows_that_hold_a_wrong_one_raise(connection: Connection) -> None:
    add = Prebuilt(insert(USERS), PERSON)
    with pytest.raises(IntegrityError):
        add.run(connection, [PERSON, PERSON])


def test_a_missing_value_is_an_error_and_no_null(connection: Connection) -> None:
    with pytest.raises(KeyError):
        ADD_USER.add(connection, {name: value for name, value in PERSON.items() if name != "last_seen_at"})


def test_reading_without_a_transaction_opens_none_and_sees_the_newest(engine: Engine) -> None:
    find = Prebuilt(select(USERS.c.id).where(USERS.c.email == bindparam("email")))
    with Session(engine) as session:
        before = find.read(session, {"email": "ada@example.org"})
        with engine.begin() as connection:
            number = ADD_USER.add(connection, PERSON)
        after = find.read(session, {"email": "ada@example.org"})

        assert (list(before), [tuple(row) for row in after]) == ([], [(number,)])
        assert not session.in_transaction()
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_reading_in_a_transaction_sees_what_that_one_has_written(engine: Engine) -> None:
    find = Prebuilt(select(USERS.c.name).where(USERS.c.email == bindparam("email")))
    with Session(engine) as session:
        ADD_USER.add(session.connection(), PERSON)

        assert [tuple(row) for row in find.read(session, {"email": "ada@example.org"})] == [("Ada",)]


def test_a_table_that_is_not_there_raises_as_sqlalchemy_does_and_gives_the_connection_back(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'empty.db'}", **ENGINE_OPTIONS)
    with Session(engine) as session:
        with pytest.raises(OperationalError, match="no such table"):
            Prebuilt(select(WEBHOOKS.c.id)).read(session, {})

        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


CODES_OF_TWO: list[dict[str, Any]] = [{"code_hash": "z", "used_at": None}, {"code_hash": "a", "used_at": MOMENT}]


def test_a_row_takes_those_of_another_table_along_in_their_order(connection: Connection) -> None:
    number = ADD_WITH_CODES.add(connection, PERSON, CODES_OF_TWO)

    codes = connection.execute(select(CODES.c.user_id, CODES.c.code_hash, CODES.c.used_at).order_by(CODES.c.id)).all()
    assert [tuple(code) for code in codes] == [(number, "z", None), (number, "a", MOMENT)]
    assert ADD_WITH_CODES.add(connection, PERSON, CODES_OF_TWO) is None
    assert len(connection.execute(select(CODES.c.id)).all()) == 2


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    """The tables of people in PostgreSQL."""
    engine = create_engine(Settings.from_env({"DATABASE_URL": postgres_url}).database_url, **ENGINE_OPTIONS)
    Base.metadata.create_all(engine, [USERS, CODES])
    yield engine
    engine.dispose()


def test_on_postgresql_too_rows_are_written_and_read_as_sqlalchemy_does(postgres: Engine) -> None:
    with postgres.connect() as connection:
        number = ADD_WITH_CODES.add(connection, PERSON, CODES_OF_TWO)
        assert ADD_WITH_CODES.add(connection, PERSON, CODES_OF_TWO) is None
        (seen,) = Prebuilt(ALL_USERS).rows(connection, {})
        codes = connection.execute(select(CODES.c.user_id, CODES.c.code_hash, CODES.c.used_at).order_by(CODES.c.id))
        other = ADD_WITH_CODES.add(connection, PERSON | {"email": "bo@example.org"})
        with pytest.raises(IntegrityError):
            ADD_WITH_CODES.add(connection, PERSON | {"role": "king", "email": "cy@example.org"})

    assert tuple(seen) == (number, *PERSON.values())
    assert [tuple(code) for code in codes] == [(number, "z", None), (number, "a", MOMENT)]
    assert other not in (None, number)


def test_on_postgresql_reading_without_a_transaction_opens_none_and_outlives_a_lost_connection(
    postgres: Engine,
) -> None:
    find = Prebuilt(select(USERS.c.id).where(USERS.c.email == bindparam("email")))
    with Session(postgres) as session:
        before = find.read(session, {"email": "ada@example.org"})
        with postgres.begin() as connection:
            number = ADD_USER.add(connection, PERSON)
        after = find.read(session, {"email": "ada@example.org"})
        end_connections(postgres)
        again = find.read(session, {"email": "ada@example.org"})

        assert ([*before], [*after], [*again]) == ([], [(number,)], [(number,)])
        assert not session.in_transaction()
        assert postgres.pool.checkedout() == 0  # type: ignore[attr-defined]
    with postgres.connect() as connection:  # a connection that has read alone begins transactions as the others do
        ADD_USER.add(connection, PERSON | {"email": "bo@example.org"})
    with Session(postgres) as session:
        assert [*find.read(session, {"email": "bo@example.org"})] == []


def test_on_postgresql_a_transaction_whose_connection_is_lost_can_be_closed_and_the_next_one_works(
    postgres: Engine,
) -> None:
    find = Prebuilt(select(USERS.c.id).where(USERS.c.email == bindparam("email")))
    ada = {"email": "ada@example.org"}
    uses: list[Callable[[Session], object]] = [
        lambda session: find.read(session, ada),
        lambda session: Prebuilt(insert(USERS), PERSON).run(session.connection(), [PERSON]),
    ]
    for use in uses:
        with Session(postgres) as session:  # what the end of a request does is to close it
            session.connection()
            end_connections(postgres)
            with pytest.raises(OperationalError) as told:
                use(session)
            assert told.value.connection_invalidated
        with Session(postgres) as session:
            session.connection()
            assert [*find.read(session, ada)] == []
