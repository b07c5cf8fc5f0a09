"""The corpora as ids: what is kept, what is held out, and what is refused."""

import os
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from models.formats.splitting import split_key
from tests.worker.base.pretrain.conftest import COMMENTS, DEV, TALK
from worker.base.pretrain.token_store import TokenLines, load_corpora
from worker.base.texts.corpus import dev_texts, read_paradetox

SHARED = Path(os.environ.get("MELLOW_SHARED_DATA", "../shared/data"))


def texts(lines: TokenLines, tokenizer: Tokenizer) -> list[str]:
    """Decode every line."""
    return [tokenizer.decode(lines.line(place)) for place in range(len(lines))]


def test_lines_equal_to_a_dev_text_are_removed_and_counted(
    data: Path, tmp_path: Path, tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    corpora = load_corpora(data, tmp_path / "work", tokenizer)

    dev = {split_key(text) for text in (DEV, "you are late, friend")}
    kept = [text for corpus in corpora for lines in (corpus.train, corpus.held_out) for text in texts(lines, tokenizer)]
    assert sorted(kept) == sorted([*COMMENTS, *TALK])
    assert dev.isdisjoint(map(split_key, kept))
    assert "2 lines removed that equal a dev text" in caplog.text


def test_held_out_lines_are_not_trained_on(data: Path, tmp_path: Path, tokenizer: Tokenizer) -> None:
    for corpus in load_corpora(data, tmp_path / "work", tokenizer):
        held_out = texts(corpus.held_out, tokenizer)
        assert len(held_out) in (2, 3)  # a tenth
        assert set(held_out).isdisjoint(texts(corpus.train, tokenizer))


def test_ids_are_read_from_the_work_folder_the_next_time(data: Path, tmp_path: Path, tokenizer: Tokenizer) -> None:
    first = load_corpora(data, tmp_path / "work", tokenizer)
    stored = {path: path.stat().st_mtime_ns for path in (tmp_path / "work" / "tokens").iterdir()}
    again = load_corpora(data, tmp_path / "work", tokenizer)

    assert [corpus.train.ids.tolist() for corpus in again] == [corpus.train.ids.tolist() for corpus in first]
    assert {path: path.stat().st_mtime_ns for path in stored} == stored


def test_a_work_folder_of_other_texts_is_refused(data: Path, tmp_path: Path, tokenizer: Tokenizer) -> None:
    load_corpora(data, tmp_path / "work", tokenizer)
    (data / "corpus" / "topical_chat.txt.gz").unlink()

    with pytest.raises(ValueError, match="choose a new work folder"):
        load_corpora(data, tmp_path / "work", tokenizer)


def test_a_folder_without_corpora_is_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match=r"has no corpus/\*\.txt\.gz"):
        load_corpora(tmp_path, tmp_path / "work", tokenizer)


@pytest.mark.skipif(
    not (SHARED / "paradetox.tsv").exists(), reason=f"no ParaDetox table in {SHARED} (MELLOW_SHARED_DATA)"
)
def test_the_dev_texts_are_those_of_the_split() -> None:
    assert 1_000 < len(dev_texts(read_paradetox(SHARED / "paradetox.tsv"))) < 2_500
