"""A JSON list read element by element: values, lines, and where it stops being JSON."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from app.errors import Malformed
from app.services.exchange.json_stream import array_elements
from app.services.exchange.rows import RowFile


def test_an_element_of_a_json_list_may_have_a_million_characters_and_not_three(write: Any) -> None:
    path = write("a.json", json.dumps(["x" * 1_000_000]))
    assert [len(row.value) for row in RowFile(path, "json").rows()] == [1_000_000]
    path = write("a.json", '["one",\n' + json.dumps("x" * 3_000_000) + "]")
    rows_of_it = RowFile(path, "json").rows()
    assert next(rows_of_it).value == "one"
    with pytest.raises(Malformed, match="What begins in line 2 has more than 1,048,576 characters or is not whole"):
        next(rows_of_it)


class Pieces(io.StringIO):
    """A text that comes in pieces of `size` characters, however many are asked for."""

    def __init__(self, text: str, size: int) -> None:
        super().__init__(text)
        self._size = size

    def read(self, size: int | None = -1, /) -> str:
        return super().read(self._size)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_elements_are_the_same_wherever_the_text_is_cut(size: int) -> None:
    text = ' [ 12, -1500,\n"a\\n\\"\u2028b",{"c":\r\n[null, true]} ,\n\n[], 3\n]'
    assert list(array_elements(Pieces(text, size))) == [
        (1, 12),
        (1, -1500),
        (2, 'a\n"\u2028b'),
        (2, {"c": [None, True]}),
        (5, []),
        (5, 3),
    ]


@pytest.mark.parametrize("text", ["[]", " [ \n ] "])
def test_an_empty_list_has_no_element(text: str) -> None:
    assert list(array_elements(io.StringIO(text))) == []


@pytest.mark.parametrize(
    ("text", "elements", "line"),
    [
        ("", [], 1),
        ('{"text": 1}', [], 1),
        ("[", [], 1),
        ("[1,\n2,\n", [1, 2], 3),
        ("[1,\n]", [1], 2),
        ("[1\n2]", [1], 2),
        ('[1,\n"two', [1], 2),
        ("[1, 2", [1], 1),
        ("[1,\n" + "[" * 100_000, [1], 2),
    ],
)
def test_what_comes_before_the_text_stops_being_json_is_yielded_and_the_line_is_told(
    text: str, elements: list[object], line: int
) -> None:
    stream = array_elements(io.StringIO(text))
    assert [next(stream)[1] for _ in elements] == elements
    with pytest.raises(Malformed, match=rf"^The file is not whole JSON: what begins in line {line} cannot be read\.$"):
        next(stream)


def test_an_element_is_yielded_before_the_rest_of_the_text_is_read() -> None:
    text = io.StringIO("[" + ", ".join(json.dumps("x" * 1000) for _ in range(1000)) + "]")
    assert next(array_elements(text)) == (1, "x" * 1000)
    assert text.tell() < 100_000
