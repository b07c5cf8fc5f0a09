"""Datasets by name: the real loading code, on a folder in the hub's own layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.formats.files.pair_files import read_pairs_of
from worker.training.shared.hub_data import load_rows
from worker.training.shared.training_errors import DatasetError


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset with two splits, as ParaDetox has its columns."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "paradetox"
    folder.mkdir()
    for split, rows in (("train", [("a fool", "a"), ("an idiot", "")]), ("test", [("damn", "oh")])):
        lines = [json.dumps({"en_toxic_comment": a, "en_neutral_comment": b}) for a, b in rows]
        (folder / f"{split}.jsonl").write_text("\n".join(lines))
    return folder


def test_a_split_of_a_dataset_is_read_like_a_file(dataset: Path) -> None:
    file = read_pairs_of(load_rows(str(dataset), "train"))
    assert file.pairs == [("a fool", "a")]
    assert file.problem_report() == "1 of 2 rows was left out: line 2 (the target is empty)."
    assert read_pairs_of(load_rows(str(dataset), "test")).pairs == [("damn", "oh")]


def test_a_split_or_a_dataset_that_is_not_there_is_one_sentence(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"^The split dev of the dataset .* could not be loaded: .*\.$"):
        load_rows(str(dataset), "dev")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DatasetError, match="could not be loaded: "):
        load_rows(str(empty), "train")
