"""A data folder in miniature, its tokenizer and its marks."""

import gzip
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from worker.base.build.checkpoint import new_model, save_checkpoint
from worker.base.build.tokenizer import train_tokenizer
from worker.base.texts.corpus import is_dev

THINGS = ["tea", "rain", "music", "work", "lunch", "traffic", "coding", "weather", "football", "reading"]
TALK = [f"I like {thing} on {day} with my friends." for thing in THINGS for day in ("Monday", "Sunday", "Friday")]
COMMENTS = [f"the article about {thing} is {how} , i think" for thing in THINGS for how in ("good", "too long")]
DEV = next(text for text in (f"you are damn late {n}" for n in count()) if is_dev(text))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Keep matrices this small from being spread over threads, which costs more than it saves."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return train_tokenizer(iter([*TALK, *COMMENTS]), 400)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two corpora and one dev row, which leaks into both of them."""
    folder = tmp_path / "data"
    (folder / "corpus").mkdir(parents=True)
    table = f"toxic\tneutral1\tneutral2\tneutral3\n{DEV}\tyou are late, friend\t\t\n"
    (folder / "paradetox.tsv").write_text(table, encoding="utf-8")
    for name, lines in {
        "topical_chat": [*TALK, "You are late - FRIEND!"],
        "jigsaw_comments": [*COMMENTS, f"  {DEV} ."],
    }.items():
        with gzip.open(folder / "corpus" / f"{name}.txt.gz", "wt", encoding="utf-8") as handle:
            handle.write("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path, tokenizer: Tokenizer) -> Path:
    """A tiny untrained checkpoint."""
    torch.manual_seed(0)
    model = new_model(tokenizer.get_vocab_size(), width=32, encoder_layers=1, decoder_layers=1)
    save_checkpoint(model, tokenizer, tmp_path / "model")
    return tmp_path / "model"
