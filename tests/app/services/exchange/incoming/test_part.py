"""The part of a file that is taken, row by row."""

from __future__ import annotations

from app.services.exchange.incoming.part import Part


def taken(part: Part, rows: int) -> list[int]:
    """The places of the rows that are taken."""
    return [place for place in range(rows) if part.takes()]


def test_the_first_rows_are_taken_and_no_others() -> None:
    part = Part.first(2)
    assert (taken(part, 1), part.complete) == ([0], False)
    assert (taken(part, 5), part.complete) == ([0], True)


def test_a_part_that_is_larger_than_the_file_is_never_complete() -> None:
    part = Part.first(9)
    assert (taken(part, 3), part.complete) == ([0, 1, 2], False)


def test_as_many_are_drawn_as_are_wanted_and_each_row_can_be_one_of_them() -> None:
    drawn: set[int] = set()
    for _ in range(200):
        part = Part.drawn(2, 5)
        places = taken(part, 5)
        assert (len(places), part.complete) == (2, True)
        drawn.update(places)
    assert drawn == set(range(5))


def test_no_more_are_drawn_than_there_are() -> None:
    part = Part.drawn(9, 3)
    assert (taken(part, 3), part.complete) == ([0, 1, 2], True)
