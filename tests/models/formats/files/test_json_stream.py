"""A JSON list read element by element: values, lines, and where it stops being JSON."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.formats.files.json_stream import array_elements, values
from models.formats.files.row_reader import RowReader
from models.model_errors import DataFileError


def test_an_element_of_a_json_list_may_have_a_million_characters_and_not_three() -> None:
    body = json.dumps(["x" * 1_000_000]).encode()
    assert [len(row.cells) for row in RowReader(body, "a.json").rows()] == [1_000_000]
    rows_of_it = RowReader(('["one",\n' + json.dumps("x" * 3_000_000) + "]").encode(), "a.json").rows()
    assert next(rows_of_it).cells == "one"
    with pytest.raises(DataFileError, match="What begins in line 2 has more than 1,048,576 characters or is not whole"):
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


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text()), st.integers(1, 9))
def test_numbers_and_texts_are_whole_wherever_the_text_is_cut(elements: list[object], size: int) -> None:
    found = array_elements(Pieces(json.dumps(elements), size))
    assert [repr(value) for _, value in found] == [repr(one) for one in elements]


@pytest.mark.parametrize("number", ["1.5", "-0.25", "1e5", "1.5E-3", "12"])
def test_a_number_that_is_cut_after_its_dot_is_one_number(number: str) -> None:
    for size in range(1, 8):
        assert [value for _, value in array_elements(Pieces(f"[{number}, 2]", size))] == [json.loads(number), 2]


@pytest.mark.parametrize("rest", ["x", ' ["one"]', "\n{}"])
def test_what_stands_behind_a_list_is_not_passed_over(rest: str) -> None:
    with pytest.raises(DataFileError, match="is not whole JSON"):
        list(array_elements(io.StringIO(f"[1]{rest}")))


def test_a_number_of_thousands_of_digits_is_one() -> None:
    ((_, found),) = array_elements(io.StringIO(f'[{{"text": "one", "id": {"9" * 5000}}}]'))
    assert found == {"text": "one", "id": float("inf")}


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_values_that_follow_each_other_come_with_their_lines(size: int) -> None:
    text = '{\n "a": 1\n}\n{"a": 2}\n\n["b"] "c"\n'
    assert list(values(Pieces(text, size))) == [(1, {"a": 1}), (4, {"a": 2}), (6, ["b"]), (6, "c")]


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
    with pytest.raises(
        DataFileError, match=rf"^The file is not whole JSON: what begins in line {line} cannot be read\.$"
    ):
        next(stream)


def test_an_element_is_yielded_before_the_rest_of_the_text_is_read() -> None:
    text = io.StringIO("[" + ", ".join(json.dumps("x" * 1000) for _ in range(1000)) + "]")
    assert next(array_elements(text)) == (1, "x" * 1000)
    assert text.tell() < 100_000
