"""What is counted of a table is the same on every database and in every order, and differs with every value."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.domain_errors import Conflict
from app.services.system.databases.contents import AT_ONCE, REFERS_TO_ITSELF, TABLES, Contents, batches, key_of
from app.services.system.databases.holding import held

PROMPTS = next(table for table in TABLES if table.name == "prompts")
RESERVATIONS = next(table for table in TABLES if table.name == "reservations")


def test_the_order_of_rows_does_not_matter_but_each_value_does() -> None:
    def counted(*rows: tuple[object, ...]) -> Contents:
        contents = Contents()
        for row in rows:
            contents.add(row)
        return contents

    assert counted((1, "a"), (2, "b")) == counted((2, "b"), (1, "a"))
    for other in ((1, "b"), (2, "a")), ((1, "a"),), ((1, "a"), (1, "a")), ((1, "a"), ("2", "b")), ((1, None), (2, "b")):
        assert counted(*other).digest != counted((1, "a"), (2, "b")).digest
    assert counted().digest == "0" * 64


def test_a_table_is_read_in_batches_in_the_order_of_its_keys(empty_sqlite: str, revision: str) -> None:
    with held(empty_sqlite, revision) as connection:
        numbers = range(2 * AT_ONCE + 1, 0, -1)
        connection.execute(
            text("INSERT INTO deleted_judgments (id, deleted_at) VALUES (:id, '2026-01-01 00:00:00')"),
            [{"id": number} for number in numbers],
        )
        [table] = [table for table in TABLES if table.name == "deleted_judgments"]
        read = list(batches(connection, table))
    assert [len(rows) for rows in read] == [AT_ONCE, AT_ONCE, 1]
    assert [row.id for rows in read for row in rows] == sorted(numbers)


def test_a_row_that_cannot_be_read_is_told_with_the_one_before(empty_sqlite: str, revision: str) -> None:
    [table] = [table for table in TABLES if table.name == "deleted_judgments"]
    with held(empty_sqlite, revision) as connection:
        connection.execute(text("INSERT INTO deleted_judgments (id, deleted_at) VALUES (7, 'yesterday')"))
        with pytest.raises(Conflict, match=r"^A row of deleted_judgments cannot be read, the first or one of the next"):
            list(batches(connection, table))


def test_a_row_is_called_by_its_key() -> None:
    assert key_of(PROMPTS, {"id": 7, "text": "hush"}) == "id 7"
    assert key_of(RESERVATIONS, {"prompt_id": 1, "user_id": 2}) == "prompt_id 1, user_id 2"


def test_what_refers_to_its_own_table_is_known() -> None:
    assert REFERS_TO_ITSELF["generations"] == ("superseded_by",)
    assert REFERS_TO_ITSELF["judgments"] == ("decided_by",)
    assert REFERS_TO_ITSELF["versions"] == ("parent_number",)
