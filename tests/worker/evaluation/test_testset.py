"""Test files: ParaDetox's own form, texts that no training used, and rows that cannot be used."""

from pathlib import Path

import pytest

from models.store.trained_on import TrainedOn
from worker.evaluation.evaluation_errors import TestFileError
from worker.evaluation.testset import heldout, read

PARADETOX = (
    "toxic\tneutral1\tneutral2\tneutral3\n"
    "you dumb person\tyou person\tyou silly person\t\n"
    "what an idiot\twhat a person\t\t\n"
    "\tno source\t\t\n"
    "you dumb person\tyou\tyou person\t\n"
)


@pytest.fixture
def paradetox(tmp_path: Path) -> Path:
    path = tmp_path / "paradetox.tsv"
    path.write_text(PARADETOX)
    return path


def test_a_source_has_all_its_references_once(paradetox: Path) -> None:
    found = read(paradetox)

    assert [item.source for item in found.items] == ["you dumb person", "what an idiot"]
    assert found.references == (("you person", "you silly person", "you"), ("what a person",))


def test_a_row_that_cannot_be_used_is_named_by_its_line(paradetox: Path) -> None:
    assert read(paradetox).problems == "1 of 4 rows was left out: line 4 (the source is empty)."


def test_only_texts_stay_that_no_model_was_trained_on(paradetox: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, text in ((one, "What an idiot!"), (other, "something else")):
        folder.mkdir()
        TrainedOn().including([text]).write(folder)

    found = read(paradetox, unseen_by=[one, other])

    assert [item.source for item in found.items] == ["you dumb person"]
    assert found.name == "paradetox.tsv, dev split"


def test_texts_alone_are_a_test_set_without_references(tmp_path: Path) -> None:
    path = tmp_path / "posts.txt"
    path.write_text("\ufeffyou dumb person\n\n  what an idiot \r\n")

    found = read(path)

    assert [(item.line, item.source) for item in found.items] == [(1, "you dumb person"), (3, "what an idiot")]
    assert found.references == ((), ())


@pytest.mark.parametrize(("body", "said"), [(b" \n", "holds no text"), (b"\xff\xfe", "cannot be read")])
def test_a_file_of_texts_that_holds_none_is_refused(tmp_path: Path, body: bytes, said: str) -> None:
    path = tmp_path / "posts.txt"
    path.write_bytes(body)

    with pytest.raises(TestFileError, match=said):
        read(path)


def test_a_file_that_was_trained_on_whole_is_refused(paradetox: Path, tmp_path: Path) -> None:
    TrainedOn().including(["you dumb person", "what an idiot"]).write(tmp_path)

    with pytest.raises(TestFileError, match=r"None of the 3 usable rows of paradetox\.tsv is one that no training"):
        read(paradetox, unseen_by=[tmp_path])


def test_the_first_so_many_can_be_taken(paradetox: Path) -> None:
    assert len(read(paradetox, max_samples=1).items) == 1


def test_other_texts_have_another_hash(paradetox: Path) -> None:
    assert read(paradetox).sha256 == read(paradetox).sha256 != read(paradetox, max_samples=1).sha256


def test_the_held_out_sentences_come_with_their_rewrites() -> None:
    assert len(heldout().items) == 60
    assert all(heldout().references)
