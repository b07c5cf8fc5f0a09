"""A window of a table: sorted, and cut into pages."""

from __future__ import annotations

import pytest

from app.schemas.windows import Window, cut

ROWS = [(1, "b"), (2, None), (3, "A"), (4, "c")]


@pytest.mark.parametrize(
    ("descending", "ids"),
    [(None, [1, 2, 3, 4]), (False, [3, 1, 4, 2]), (True, [4, 1, 3, 2])],
)
def test_rows_are_sorted_without_regard_to_case_and_those_without_a_value_come_last(
    descending: bool | None, ids: list[int]
) -> None:
    assert cut(Window(ROWS, {}), descending, 1, 10).ids == ids


@pytest.mark.parametrize(("page", "ids", "first"), [(1, [1, 2, 3], 1), (2, [4], 4), (9, [4], 4)])
def test_a_page_after_the_last_one_is_the_last_one(page: int, ids: list[int], first: int) -> None:
    found = cut(Window(ROWS, {}), None, page, 3)
    assert (found.ids, found.first, found.pages, found.total) == (ids, first, 2, 4)


def test_nothing_is_one_empty_page() -> None:
    found = cut(Window([], {}), None, 1, 25)
    assert (found.ids, found.page, found.pages, found.total) == ([], 1, 1, 0)


@pytest.mark.parametrize(
    ("page", "near"),
    [
        (1, [1, 2, None, 9]),
        (3, [1, 2, 3, 4, None, 9]),
        (5, [1, None, 4, 5, 6, None, 9]),
        (7, [1, None, 6, 7, 8, 9]),
        (9, [1, None, 8, 9]),
    ],
)
def test_the_pages_around_one_are_named_and_a_gap_of_one_is_filled(page: int, near: list[int | None]) -> None:
    rows = [(number, number) for number in range(90)]
    assert cut(Window(rows, {}), None, page, 10).near == near
