"""Which pairs of the files are learned from, and which are left out."""

import gzip
from pathlib import Path

import pytest

from worker.base.rephrase.pair_files import read_pair_files

ROWS = [
    ("I like tea.", "I am fond of tea.", "paraphrase"),
    ("Same.", "Same.", "paraphrase"),
    ("word " * 60, "A word.", "simplify"),
    ("He is silly.", "He is damn silly.", "polite"),
    ("I likes the tea.", "I like the tea.", "grammar"),
    ("The grey feelings remained.", "Bad moods went on for us.", "grammar"),
    ("Dear sir", "Hello sir", "formal"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "pairs").mkdir()
    with gzip.open(tmp_path / "pairs" / "all.tsv.gz", "wt", encoding="utf-8") as handle:
        handle.write("source\ttarget\tkind\n" + "".join("\t".join(row) + "\n" for row in ROWS))
    return tmp_path


def test_pairs_that_teach_nothing_good_are_left_out(data: Path) -> None:
    files = read_pair_files(data, lambda text: "damn" in text)
    assert {(file.name, file.kind): [*file.train, *file.held_out] for file in files} == {
        ("all", "paraphrase"): [("I like tea.", "I am fond of tea.")],
        ("all", "grammar"): [("I likes the tea.", "I like the tea.")],
    }
    assert all(file.share >= 0 for file in files)
