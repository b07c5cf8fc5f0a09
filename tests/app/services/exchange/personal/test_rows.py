"""Every table that refers to a person is among what is exported of them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import Base, Role, User
from app.services.exchange.personal.rows import KINDS
from app.services.people import accounts
from tests import factories


def test_no_column_that_refers_to_users_is_forgotten() -> None:
    refer = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if any(key.column.table is User.__table__ for key in column.foreign_keys)
    }
    exported = {(column.class_.__tablename__, column.key) for kind in KINDS for column in kind.columns}
    assert refer == exported - {("users", "id")}
    assert len(refer) >= 15


def test_judgments_of_others_in_imported_files_are_not_the_importers(session: Session) -> None:
    person = factories.user(session).id
    own = factories.judgment(session, factories.generation(session, person)).id
    factories.judgment(session, factories.generation(session, person), imported=True, annotator="Bob")
    [judgments] = [kind for kind in KINDS if kind.name == "judgments"]
    [screens] = [kind for kind in KINDS if kind.name == "screens"]
    assert [row["id"] for row in judgments.read(session, person)] == [own]
    assert len(list(screens.read(session, person))) == 1


def test_whether_a_screen_is_an_attention_check_is_told_once_it_is_judged(session: Session) -> None:
    person = factories.user(session).id
    factories.judgment(session, factories.generation(session, person, gold=True), pairs=False)
    rows = {kind.name: list(kind.read(session, person)) for kind in KINDS}
    assert [row["attention_check"] for row in rows["judgments"]] == [True]
    assert ["gold" in row for row in rows["screens"]] == [False]


def test_what_was_said_before_a_prompt_is_exported_with_it(session: Session) -> None:
    person = factories.user(session).id
    turns = [{"role": "user", "content": "I am Ada."}, {"role": "assistant", "content": "Hello!"}]
    prompt = factories.prompt(session, "Who am I?", turns=turns, source="typed")
    factories.judgment(session, factories.generation(session, person, prompt=prompt))
    kinds = {kind.name: list(kind.read(session, person)) for kind in KINDS}
    assert [[row["turns"] for row in kinds[name]] for name in ("judgments", "screens", "prompts")] == [[turns]] * 3


def test_the_log_of_what_an_admin_did_names_nobody_else(session: Session) -> None:
    admin = accounts.add_user(session, None, "admin@example.org", "a calm password", Role.ADMIN).id
    accounts.add_user(session, admin, "bob@example.org", "a calm password", Role.ANNOTATOR)
    [log] = [list(kind.read(session, admin)) for kind in KINDS if kind.name == "audit_log"]
    assert [row["details"] for row in log] == [{"email": "admin@example.org", "role": "admin"}, {"role": "annotator"}]
    assert not any("seals" in row for row in log), "with which the email could be guessed"
