"""A studio that was copied is the same studio: its exports, its audit log, its next ids; or nothing was copied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from app.db import Base, Generation, ImportUpload, Judgment, Prompt
from app.domain_errors import Conflict
from app.services.exchange import exports
from app.services.system import audit_copies
from app.services.system.databases.contents import TABLES
from app.services.system.databases.copying import Copied, copy
from tests import factories


@contextmanager
def opened(url: str) -> Iterator[Session]:
    """A session on a database, let go of afterwards."""
    engine = create_engine(url, poolclass=NullPool)
    with Session(engine) as session:
        yield session


def exported(url: str) -> dict[str, bytes]:
    """Every export, byte for byte."""
    with opened(url) as session:
        return {name: b"".join(exports.content(session, name)) for name in exports.FORMATS}


def counts(url: str) -> dict[str, int]:
    """The number of rows of each table, but for the first project, which every database has."""
    with opened(url) as session:
        found = {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES}
        return found | {"projects": found["projects"] - 1}


def say_nothing(_table: Copied) -> None:
    """Take what is told of a table."""


def test_a_studio_goes_to_postgresql_and_back_and_nothing_is_lost(
    filled: str, empty_postgres: str, empty_sqlite: str, revision: str
) -> None:
    before = exported(filled)
    said: list[Copied] = []
    there = copy(filled, empty_postgres, revision, said.append)
    assert said == there
    passing = {"import_uploads", "import_pieces"}
    assert [one.table for one in there] == [
        table.name for table in Base.metadata.sorted_tables if table.name not in passing
    ]
    with opened(empty_postgres) as session:
        assert session.scalar(select(func.count()).select_from(ImportUpload)) == 0, "it is on its way in"
    assert all(one.rows for one in there), "a table without a row proves nothing"
    assert exported(empty_postgres) == before
    back = copy(empty_postgres, empty_sqlite, revision, say_nothing)
    assert exported(empty_sqlite) == before
    changed = [one.table for one, other in zip(there, back, strict=True) if one != other]
    assert changed == ["audit_events"], "each copy writes that it is one, and is the same otherwise"


def test_the_chain_of_the_audit_log_holds_in_the_copy_which_says_where_it_came_from(
    filled: str, empty_postgres: str, revision: str
) -> None:
    with opened(filled) as session:
        head = audit_copies.verify(session).head
    copied = copy(filled, empty_postgres, revision, say_nothing)
    with opened(empty_postgres) as session:
        checked = audit_copies.verify(session, head)
        newest = list(audit_copies.rows(session))[-1]
    assert (checked.broken, checked.wanted_at) == (None, newest.id - 1)
    assert (newest.action, newest.subject) == ("database.copied", "sqlite to postgresql")
    assert newest.details == {"rows": sum(table.rows for table in copied)}


def test_what_comes_next_gets_an_id_that_no_deleted_row_has_had(
    filled: str, empty_postgres: str, empty_sqlite: str, revision: str
) -> None:
    with opened(filled) as session:
        given = {row.name: row.seq for row in session.execute(text("SELECT name, seq FROM sqlite_sequence"))}
        newest = session.scalar(select(func.max(Judgment.id))) or 0
    assert given["judgments"] == newest + 1, "the newest one was deleted"
    copy(filled, empty_postgres, revision, say_nothing)
    copy(empty_postgres, empty_sqlite, revision, say_nothing)
    for url in (empty_postgres, empty_sqlite):
        with opened(url) as session:
            person = session.scalars(select(Generation.user_id).limit(1)).one()
            judgment = factories.judgment(session, factories.generation(session, person))
            screen = session.get_one(Generation, judgment.generation_id)
            ids = {"judgments": judgment.id, "generations": screen.id, "prompts": screen.prompt_id}
            assert ids == {name: given[name] + 1 for name in ids}


def test_a_row_that_cannot_be_copied_is_named_and_the_target_stays_empty(
    filled: str, empty_postgres: str, revision: str
) -> None:
    def refused() -> str:
        with pytest.raises(Conflict) as refusal:
            copy(filled, empty_postgres, revision, say_nothing)
        assert set(counts(empty_postgres).values()) == {0}
        return str(refusal.value)

    with opened(filled) as session:
        number = session.scalars(select(func.max(Judgment.id))).one()
        changed = text("UPDATE judgments SET reason = :reason, annotator = :annotator WHERE id = :id")
        session.execute(changed, {"reason": "a\x00b", "annotator": None, "id": number})
        session.commit()
        assert refused().startswith(
            f"The row of judgments with id {number} cannot be copied (reason holds a NUL character): "
        )
        session.execute(changed, {"reason": None, "annotator": "x" * 201, "id": number})
        session.commit()
    assert refused() == (
        f"The row of judgments with id {number} cannot be copied: value too long for type character varying(200). "
        "Nothing was copied."
    )


def test_a_target_that_is_not_empty_is_refused_and_stays_as_it_is(
    filled: str, empty_postgres: str, revision: str
) -> None:
    with opened(empty_postgres) as session:
        factories.prompt(session)
    with pytest.raises(Conflict, match=r"^The target is not empty: prompts has rows\. Copy into a new database\.$"):
        copy(filled, empty_postgres, revision, say_nothing)
    with opened(empty_postgres) as session:
        assert session.scalar(select(func.count(Prompt.id))) == 1


def test_a_table_that_would_be_left_behind_is_refused(filled: str, empty_sqlite: str, revision: str) -> None:
    with opened(filled) as session:
        session.execute(text("CREATE TABLE notes (id integer)"))
        session.commit()
    with pytest.raises(Conflict, match="'notes', which is no table of Mellow: it would be left behind"):
        copy(filled, empty_sqlite, revision, say_nothing)


def test_a_copy_that_is_interrupted_leaves_the_target_empty_and_can_begin_again(
    filled: str, empty_postgres: str, revision: str
) -> None:
    def interrupt(table: Copied) -> None:
        if table.table == "judgments":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(filled, empty_postgres, revision, interrupt)
    assert set(counts(empty_postgres).values()) == {0}
    copy(filled, empty_postgres, revision, say_nothing)
