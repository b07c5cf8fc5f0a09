"""Rows that belong to a project, and sessions that see those of one.

A session is of one project, of the first unless it entered another. What it selects, updates or deletes through the ORM
is limited to that project's rows, and rows that are added to it become the project's. So the rules in `app.services`
need not name the project, and none can forget it. A session that sees `everything` is limited to none: for the queue of
runs, personal data and the deletion of people; a row that is added to it has to name its project. Statements that are
run on a connection are not limited: they take `mine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Engine, ForeignKey, event, text
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, mapped_column, sessionmaker, with_loader_criteria
from sqlalchemy.orm.util import LoaderCriteriaOption

from app.db.projects.project import FIRST

_PROJECT = "project"

T = TypeVar("T")


class Owned:
    """A mixin of tables whose rows belong to a project.

    The column has no index of its own: with one project SQLite would prefer it to a better one.
    """

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), default=FIRST, server_default=text("1"))


def project_of(session: Session) -> int | None:
    """Return the id of the project whose rows a session sees, None if it sees those of all."""
    project: int | None = session.info.get(_PROJECT, FIRST)
    return project


def enter(session: Session, project: int | None) -> None:
    """Make a session see the rows of a project, or with None those of all.

    What it has read of other projects it no longer knows; what was changed there is flushed before.
    """
    if project == project_of(session):
        return
    if session.new or session.dirty or session.deleted:
        session.flush()
    session.info[_PROJECT] = project
    for row in list(session.identity_map.values()) if project is not None else ():
        # What has expired says nothing of its project: it stays, and whoever holds it can read it anew.
        if isinstance(row, Owned) and row.__dict__.get("project_id", project) != project:
            session.expunge(row)


@contextmanager
def within(session: Session, project: int | None) -> Iterator[None]:
    """Let a session see the rows of a project within the block."""
    before = project_of(session)
    enter(session, project)
    try:
        yield
    finally:
        enter(session, before)


@contextmanager
def everything(session: Session) -> Iterator[None]:
    """Let a session see the rows of all projects within the block."""
    with within(session, None):
        yield


def sessions_of(sessions: sessionmaker[Session], project: int) -> sessionmaker[Session]:
    """Return a factory of sessions of that project, on the same connections."""
    return sessionmaker(sessions.kw["bind"], info={_PROJECT: project})


def mine(session: Session, *tables: type[Owned]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that limit a statement on a connection to the rows that the session sees."""
    project = project_of(session)
    return () if project is None else tuple(table.project_id == project for table in tables)


class Kept(Generic[T]):
    """What a process keeps of each project of each database, made by `make` when it is first asked for."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._kept: WeakKeyDictionary[Engine, dict[int | None, T]] = WeakKeyDictionary()
        self._lock = Lock()

    def of(self, session: Session) -> T:
        """Return what is kept of the project and the database of a session."""
        project = project_of(session)
        with self._lock:
            of_engine = self._kept.setdefault(session.get_bind().engine, {})
            if project not in of_engine:
                of_engine[project] = self._make()
            return of_engine[project]


@event.listens_for(Session, "do_orm_execute")
def _limit(state: ORMExecuteState) -> None:
    project = project_of(state.session)
    if project is None or state.is_column_load or state.is_relationship_load:
        return
    state.statement = state.statement.options(_limited_to(project))


@cache
def _limited_to(project: int) -> LoaderCriteriaOption:
    """Return the option that limits a statement, made once for each project: making it takes longer than using it."""
    return with_loader_criteria(
        Owned, lambda table: table.project_id == project, include_aliases=True, propagate_to_loaders=False
    )


@event.listens_for(Session, "before_attach")
def _own(session: Session, row: object) -> None:
    """Make a new row the session's project's; raises LookupError for one that names none where all are seen."""
    if isinstance(row, Owned) and row.project_id is None:
        row.project_id = owner_of(session, type(row))


def owner_of(session: Session, table: type[Owned]) -> int:
    """Return the id of the project that rows are of which are added to a session.

    Raises LookupError if it sees the rows of all projects: then each row has to name its own.
    """
    project = project_of(session)
    if project is None:
        raise LookupError(f"A {table.__name__} that is added to a session that sees all projects must name its own.")
    return project
