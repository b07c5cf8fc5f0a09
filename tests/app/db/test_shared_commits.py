"""Writes that share a commit: what is answered is stored, and what is wrong with one touches no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import IntegrityError, OperationalError

from app.config import Settings
from app.db import ENGINE_OPTIONS, shared_commits
from app.db import engine as engine_module
from app.db.shared_commits import MOST_SHARED, SharedCommits
from tests.postgres import end_connections

WRITERS = 24


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """An SQLite file with one table whose values are unique."""
    engine = create_engine(f"sqlite:///{tmp_path / 'a.db'}", **ENGINE_OPTIONS | {"pool_size": 30})
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE said (word TEXT UNIQUE NOT NULL)"))
    return engine


def say(word: str | None) -> Callable[[Connection], str | None]:
    def write(connection: Connection) -> str | None:
        connection.execute(text("INSERT INTO said VALUES (:word)"), {"word": word})
        return word

    return write


def said(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(text("SELECT word FROM said")).scalars())


def all_at_once(engine: Engine, words: list[str | None]) -> tuple[list[object], int]:
    """What became of each write when all come while another writes, and how many commits it took."""
    commits: list[Connection] = []

    def count(connection: Connection) -> None:
        commits.append(connection)

    event.listen(engine, "commit", count)
    shared, outcomes = SharedCommits(engine), list[object]([None] * len(words))
    begun, go_on = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        begun.set()
        assert go_on.wait(30)

    def write(number: int) -> None:
        try:
            outcomes[number] = shared.run(say(words[number]))
        except Exception as error:
            outcomes[number] = error

    first = threading.Thread(target=lambda: shared.run(hold))
    first.start()
    assert begun.wait(30)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(len(words))]
    for thread in threads:
        thread.start()
    while len(shared._waiting) < len(words):
        threading.Event().wait(0.001)
    go_on.set()
    for thread in [first, *threads]:
        thread.join()
    event.remove(engine, "commit", count)
    return outcomes, len(commits) - 1  # the first writer's own


def test_writes_that_come_while_another_is_committed_share_the_next_commit(engine: Engine) -> None:
    words: list[str | None] = [f"word {number}" for number in range(WRITERS)]
    outcomes, commits = all_at_once(engine, words)
    assert outcomes == words
    assert said(engine) == set(words)
    assert commits == 1


def test_a_write_that_fails_takes_none_of_the_others_along(engine: Engine) -> None:
    words: list[str | None] = [f"word {number}" for number in range(WRITERS)]
    words[7], words[11] = None, "word 3"  # what must not be empty is, and what must be unique is not
    outcomes, _ = all_at_once(engine, words)
    failed = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Exception)]
    assert len(failed) == 2
    assert 7 in failed
    assert set(failed) & {3, 11}
    assert said(engine) == {word for number, word in enumerate(words) if number not in failed}


def test_nothing_is_answered_before_it_is_committed(engine: Engine) -> None:
    """Another connection finds what was answered, at once."""
    shared = SharedCommits(engine)
    for number in range(20):
        shared.run(say(f"word {number}"))
        assert f"word {number}" in said(engine)


def test_a_commit_that_fails_fails_for_all_who_shared_it_and_stores_nothing(engine: Engine) -> None:
    def fail(_connection: Connection) -> None:
        raise OperationalError("COMMIT", {}, Exception("disk full"))

    event.listen(engine, "commit", fail)
    try:
        shared = SharedCommits(engine)
        with pytest.raises(OperationalError, match="disk full"):
            shared.run(say("a"))
    finally:
        event.remove(engine, "commit", fail)
    assert said(engine) == set()
    assert SharedCommits(engine).run(say("b")) == "b"


def test_when_the_leading_thread_is_ended_nothing_unstored_counts_as_stored(engine: Engine) -> None:
    class Ended(BaseException):
        """What ends a thread, and is no error of a write."""

    shared = SharedCommits(engine)
    begun, go_on = threading.Event(), threading.Event()
    outcomes: list[object] = []

    def hold(connection: Connection) -> None:
        begun.set()
        assert go_on.wait(30)

    def end(connection: Connection) -> None:
        raise Ended

    def run(write: Callable[[Connection], object]) -> None:
        try:
            outcomes.append(shared.run(write))
        except BaseException as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=run, args=(write,)) for write in (hold, say("before"), end, say("after"))]
    for number, thread in enumerate(threads):
        thread.start()
        assert begun.wait(30)
        while len(shared._waiting) < number:
            threading.Event().wait(0.001)
    go_on.set()
    for thread in threads:
        thread.join()
    assert outcomes.count(None) == 1
    assert "before" not in outcomes
    assert "after" not in outcomes
    assert said(engine) == set()
    assert shared.run(say("later")) == "later"


def test_many_writers_lose_nothing_and_write_nothing_twice(engine: Engine) -> None:
    shared, turns = SharedCommits(engine), 20

    def write(writer: int) -> None:
        for turn in range(turns):
            assert shared.run(say(f"{writer} {turn}")) == f"{writer} {turn}"

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said(engine) == {f"{writer} {turn}" for writer in range(WRITERS) for turn in range(turns)}


def test_no_transaction_grows_without_end(engine: Engine) -> None:
    words: list[str | None] = [f"word {number}" for number in range(MOST_SHARED + 5)]
    outcomes, commits = all_at_once(engine, words)
    assert outcomes == words
    assert commits == 2


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    """The same table in PostgreSQL."""
    engine = create_engine(Settings.from_env({"DATABASE_URL": postgres_url}).database_url, **ENGINE_OPTIONS)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE said (word TEXT UNIQUE NOT NULL)"))
    yield engine
    engine.dispose()


def test_on_postgresql_writes_share_a_commit_and_one_that_fails_takes_no_other_along(postgres: Engine) -> None:
    words: list[str | None] = [f"word {number}" for number in range(WRITERS)]
    outcomes, commits = all_at_once(postgres, words)
    assert (outcomes, commits, said(postgres)) == (words, 1, set(words))

    others: list[str | None] = ["one", None, "word 3", "two"]
    outcomes, _ = all_at_once(postgres, others)
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, True, False]
    assert said(postgres) == {*words, "one", "two"}


def test_on_postgresql_a_write_that_waits_for_another_transaction_keeps_no_other_waiting(postgres: Engine) -> None:
    with postgres.begin() as other:
        other.execute(text("INSERT INTO said VALUES ('held')"))
        shared = SharedCommits(postgres)
        begun, go_on = threading.Event(), threading.Event()

        def hold(_connection: Connection) -> None:
            begun.set()
            assert go_on.wait(30)

        first = threading.Thread(target=lambda: shared.run(hold))
        first.start()
        assert begun.wait(30)
        refused: list[Exception] = []

        def wait() -> None:
            try:
                shared.run(say("held"))
            except IntegrityError as error:
                refused.append(error)

        waits = threading.Thread(target=wait)
        free = threading.Thread(target=lambda: shared.run(say("free")))
        for thread in (waits, free):
            thread.start()
        while len(shared._waiting) < 2:
            threading.Event().wait(0.001)
        go_on.set()
        first.join()
        free.join(30)
        assert said(postgres) == {"free"}
        assert waits.is_alive()
    waits.join(30)
    assert len(refused) == 1
    assert said(postgres) == {"free", "held"}


def test_on_postgresql_a_write_that_waits_and_came_alone_keeps_no_later_one_waiting(postgres: Engine) -> None:
    shared = SharedCommits(postgres)
    outcomes: list[object] = []

    def run(word: str) -> None:
        try:
            outcomes.append(shared.run(say(word)))
        except IntegrityError as error:
            outcomes.append(type(error))

    waits, free = (threading.Thread(target=run, args=(word,)) for word in ("held", "free"))
    with postgres.begin() as other:
        other.execute(text("INSERT INTO said VALUES ('held')"))
        waits.start()
        while not shared._led:
            threading.Event().wait(0.001)
        free.start()
        free.join(10)
        assert outcomes == ["free"]
        assert waits.is_alive()
    waits.join(10)
    free.join(10)
    assert outcomes == ["free", IntegrityError]


def test_on_postgresql_a_transaction_that_took_its_time_leaves_the_others_to_the_next(
    postgres: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_commits, "LOCK_MILLISECONDS", 0)
    outcomes, commits = all_at_once(postgres, ["a", "b", "c"])
    assert (outcomes, commits) == (["a", "b", "c"], 3)
    assert said(postgres) == {"a", "b", "c"}


def test_on_postgresql_a_lost_connection_costs_no_write(postgres: Engine) -> None:
    """The server ends every connection of the pool; the next writes and those that share a commit are stored."""
    shared = SharedCommits(postgres)
    shared.run(say("before"))
    end_connections(postgres)
    assert shared.run(say("alone")) == "alone"
    end_connections(postgres)
    outcomes, _ = all_at_once(postgres, ["a", "b", "c"])
    assert outcomes == ["a", "b", "c"]
    assert said(postgres) == {"before", "alone", "a", "b", "c"}


def test_when_postgresql_is_away_each_write_fails_with_one_error_and_later_ones_are_stored(postgres: Engine) -> None:
    away = create_engine(postgres.url.update_query_dict({"host": "/nowhere"}), **ENGINE_OPTIONS)
    shared, errors = SharedCommits(away), list[Exception]()
    for word in ("a", "b"):
        with pytest.raises(OperationalError) as told:
            shared.run(say(word))
        errors.append(told.value)
    assert len(errors) == 2
    assert SharedCommits(postgres).run(say("c")) == "c"


def test_a_connection_that_postgresql_ended_meanwhile_is_replaced_before_anything_uses_it(
    postgres: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.connect() as connection:
        connection.execute(text("SELECT 1"))
    end_connections(postgres)
    monkeypatch.setattr(engine_module, "KNOWN_SECONDS", 0.0)
    with postgres.connect() as connection:
        assert connection.execute(text("SELECT 7")).scalar_one() == 7
