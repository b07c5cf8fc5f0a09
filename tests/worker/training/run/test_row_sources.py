"""Rows from Parquet and from datasets, as from any file."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.formats import Kind
from models.model_errors import DataFileError
from worker.training.run.row_sources import load_row_file

ROWS = [
    {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?", "extra": 1},
    {"prompt": "Ho", "chosen": None, "rejected": "b", "extra": None},
]
CHAT = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}


def test_parquet_is_read_like_any_file(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    file = load_row_file(tmp_path / "a.parquet", "", "train", Kind.PREFERENCE)
    assert (file.format, file.rows) == ("preference", ({"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"},))
    assert file.problem_report().startswith("1 of 2 rows was left out: line 2 (there is no chosen: ")


def test_conversations_in_parquet_are_messages(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([CHAT]), tmp_path / "a.parquet")
    (row,) = load_row_file(tmp_path / "a.parquet", "", "train", Kind.COMPLETION).rows
    assert row == {"prompt": CHAT["messages"][:1], "completion": CHAT["messages"][1:]}


def test_what_is_no_parquet_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataFileError, match=r"^The file cannot be read as Parquet: .*\.$"):
        load_row_file(tmp_path / "a.parquet", "", "train", Kind.PREFERENCE)
    with pytest.raises(FileNotFoundError):
        load_row_file(tmp_path / "b.parquet", "", "train", Kind.PREFERENCE)


def test_a_dataset_is_read_like_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [{"question": "Hi", "responses": ["a", "b", "c"]}]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = load_row_file(None, str(folder), "test", Kind.PREFERENCE, "adjacent", "auto", {"prompt": "question"})
    assert [(row["chosen"], row["rejected"]) for row in file.rows] == [("a", "b"), ("b", "c")]
