"""Whatever texts pandas, polars, Excel's libraries and Python's csv module write is read back equal, row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import openpyxl
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.services.exchange.rows import RowFile

Table = list[tuple[str, int]]
COLUMNS = ("text", "priority")
HOSTILE = [
    'say "no", fool',
    '"',
    "two\nlines",
    "tab\tstop",
    "a;b;c",
    "=1+1",
    " padded ",
    "NaN",
    "null",
    "1,5",
    "\u2028\u0085 👩🏽‍🚀",
    "[1]",
    '{"a": 1}',
]

letters = st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t") | st.sampled_from(" ,;\"'\n\t|")
texts = st.text(letters, min_size=1, max_size=12).filter(str.strip) | st.sampled_from(HOSTILE)
tables = st.lists(st.tuples(texts, st.integers(-9, 9)), min_size=1, max_size=6)


def framed(table: Table) -> dict[str, list[Any]]:
    return {name: list(column) for name, column in zip(COLUMNS, zip(*table, strict=True), strict=True)}


def by_csv(table: Table, **dialect: Any) -> bytes:
    body = io.StringIO(newline="")
    csv.writer(body, **dialect).writerows([COLUMNS, *table])
    return body.getvalue().encode()


def by_pandas(table: Table, method: str, **options: Any) -> bytes:
    written = getattr(pd.DataFrame(framed(table)), method)(**options)
    return written if isinstance(written, bytes) else str(written).encode()


def by_polars(table: Table, method: str, **options: Any) -> bytes:
    body = io.BytesIO()
    getattr(pl.DataFrame(framed(table)), method)(body, **options)
    return body.getvalue()


def by_openpyxl(table: Table) -> bytes:
    book, body = openpyxl.Workbook(), io.BytesIO()
    for row in (COLUMNS, *table):
        book.active.append(row)
        for cell in book.active[book.active.max_row]:
            cell.data_type = "s" if isinstance(cell.value, str) else cell.data_type  # "=1+1" is a text here
    book.save(body)
    return body.getvalue()


WRITERS: Mapping[str, tuple[str, Callable[[Table], bytes]]] = {
    "csv": ("a.csv", by_csv),
    "csv, as Excel's tabs": ("a.txt", partial(by_csv, dialect="excel-tab")),
    "csv, all quoted": ("a.csv", partial(by_csv, quoting=csv.QUOTE_ALL)),
    "pandas csv": ("a.csv", partial(by_pandas, method="to_csv", index=False)),
    "pandas csv with its index": ("a.csv", partial(by_pandas, method="to_csv")),
    "pandas tsv": ("a.tsv", partial(by_pandas, method="to_csv", index=False, sep="\t")),
    "pandas JSON Lines": ("a.jsonl", partial(by_pandas, method="to_json", orient="records", lines=True)),
    "pandas JSON": ("a.json", partial(by_pandas, method="to_json", orient="records", force_ascii=False)),
    "pandas JSON by columns": ("a.json", partial(by_pandas, method="to_json")),
    "pandas JSON, split": ("a.json", partial(by_pandas, method="to_json", orient="split")),
    "pandas Parquet": ("a.parquet", partial(by_pandas, method="to_parquet")),
    "polars csv": ("a.csv", partial(by_polars, method="write_csv")),
    "polars tsv": ("a.tsv", partial(by_polars, method="write_csv", separator="\t")),
    "polars JSON Lines": ("a.jsonl", partial(by_polars, method="write_ndjson")),
    "polars JSON": ("a.json", partial(by_polars, method="write_json")),
    "polars Parquet": ("a.parquet", partial(by_polars, method="write_parquet")),
    "openpyxl": ("a.xlsx", by_openpyxl),
}


@pytest.mark.parametrize("writer", WRITERS)
@given(table=tables)
@example(table=[(text, number) for number, text in enumerate(HOSTILE)])
@settings(max_examples=25, deadline=None)
def test_what_a_program_writes_is_read_back_equal(writer: str, table: Table) -> None:
    name, write = WRITERS[writer]
    read = list(RowFile(write(table), name=name).rows())
    assert [row.problem for row in read] == [""] * len(table)
    values = [row.value for row in read if isinstance(row.value, dict)]
    assert [(value["text"], str(value["priority"])) for value in values] == [(text, str(n)) for text, n in table]
