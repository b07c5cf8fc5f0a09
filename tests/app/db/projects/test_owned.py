"""A session sees, adds and changes the rows of its project alone, however they are asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Select, delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased, sessionmaker

from app.db import (
    Generation,
    Judgment,
    Project,
    Prompt,
    User,
    enter,
    everything,
    insert_new,
    project_ids,
    project_of,
    sessions_of,
    slug_of,
    within,
    write_transaction,
)
from tests import factories
from tests.studio import rows

QUERIES: dict[str, Callable[[], Select[int]]] = {
    "count": lambda: select(func.count()).select_from(Prompt),
    "count in a condition": lambda: select(func.count()).where(Prompt.source == "test"),
    "subquery": lambda: select(func.count()).where(User.id.in_(select(Generation.user_id))),
    "exists": lambda: select(func.count(User.id)).where(exists().where(Judgment.user_id == User.id)),
    "alias": lambda: select(func.count(aliased(Prompt).id)),
    "latest": lambda: select(func.count()).select_from(select(Judgment.id).limit(5).subquery()),
    "join": lambda: select(func.count(Judgment.id)).join(Generation).join(Prompt),
    "correlated": lambda: select(
        func.sum(select(func.count()).where(Judgment.user_id == User.id).correlate(User).scalar_subquery())
    ).select_from(User),
}

OF_PEOPLE = (QUERIES["subquery"], QUERIES["exists"])
"""The queries that count people, of whom there is one."""


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_of_any_shape_finds_the_rows_of_the_sessions_project(
    session: Session, query: Callable[[], Select[int]]
) -> None:
    other = factories.project(session).id
    person = factories.user(session).id
    with within(session, other):
        assert not session.scalar(query())
    factories.judgment(session, factories.generation(session, person))
    assert session.scalar(query()) == 1
    with within(session, other):
        assert not session.scalar(query())
        factories.judgment(session, factories.generation(session, person))
        assert session.scalar(query()) == 1
    assert session.scalar(query()) == 1
    with everything(session):
        assert session.scalar(query()) == (1 if query in OF_PEOPLE else 2)


def test_changes_and_deletions_are_limited_too(session: Session) -> None:
    other = factories.project(session).id
    factories.prompt(session)
    with within(session, other):
        with write_transaction(session):
            assert session.execute(update(Prompt).values(source="changed").returning(Prompt.id)).all() == []
            session.execute(delete(Prompt))
            insert_new(session, Prompt, [{"text": "new", "sha256": "0" * 64, "source": "new"}], Prompt.sha256)
        assert [(one.source, one.project_id) for one in rows(session, Prompt)] == [("new", other)]
    assert [(one.source, one.project_id) for one in rows(session, Prompt)] == [("test", 1)]


def test_what_was_read_of_another_project_is_not_given_out_again(session: Session) -> None:
    other = factories.project(session).id
    prompt = factories.prompt(session)
    assert session.get(Prompt, prompt.id) is prompt
    enter(session, other)
    assert session.get(Prompt, prompt.id) is None
    with everything(session):
        assert session.get(Prompt, prompt.id) is not None
    assert session.get(Prompt, prompt.id) is None


def test_a_row_that_is_added_where_all_projects_are_seen_names_its_own(session: Session) -> None:
    other = factories.project(session).id
    row = {"text": "new", "sha256": "0" * 64, "source": "new"}
    with everything(session):
        with pytest.raises(LookupError, match=r"^A Prompt that is added to a session that sees all projects"):
            factories.prompt(session)
        with pytest.raises(LookupError, match="must name its own"), write_transaction(session):
            insert_new(session, Prompt, [row], Prompt.sha256)
        factories.prompt(session, project_id=other)
        with write_transaction(session):
            insert_new(session, Prompt, [row | {"project_id": other}], Prompt.sha256)
    assert rows(session, Prompt) == []
    with within(session, other):
        assert [one.project_id for one in rows(session, Prompt)] == [other, other]


def test_a_factory_of_sessions_and_names_of_projects(session: Session) -> None:
    other = factories.project(session).id
    assert (project_of(session), project_ids(session)) == (1, [1, other])
    with sessions_of(sessionmaker(session.get_bind()), other)() as second:
        assert project_of(second) == other
        names = [slug_of(second.connection(), project) for project in (1, other, None)]
    assert names == [None, "second", None]
    with write_transaction(session):
        session.get_one(Project, other).archived_at = session.get_one(Project, 1).created_at
    assert (project_ids(session), project_ids(session, in_use=True)) == ([1, other], [1])
