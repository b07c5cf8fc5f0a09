"""The texts that come with the recipe."""

from __future__ import annotations

from models.texts.heldout import heldout_pairs, read_pairs
from worker.training.clicks.anchors import ANCHORS_FILE
from worker.training.clicks.shipped_texts import COMMENTS_FILE, SENTENCES_FILE, shipped_texts


def test_there_are_hundreds_and_all_differ() -> None:
    texts = shipped_texts()
    assert len(texts) > 400
    assert len(set(texts)) == len(texts)
    assert shipped_texts.__wrapped__() == texts, "they are the same each time"


def test_all_are_written_for_nothing_else() -> None:
    written = {
        line for file in (COMMENTS_FILE, SENTENCES_FILE) for line in file.read_text(encoding="utf-8").splitlines()
    }
    measured = {text for pair in [*heldout_pairs(), *read_pairs(ANCHORS_FILE)] for text in pair}
    assert not measured & (written | set(shipped_texts()))


def test_every_comment_is_there_and_every_sentence_was_made_rude() -> None:
    texts = set(shipped_texts())
    loosely = {"".join(filter(str.isalnum, text.lower())) for text in texts}
    assert all("".join(filter(str.isalnum, line)) in loosely for line in COMMENTS_FILE.read_text("utf-8").splitlines())
    assert not set(SENTENCES_FILE.read_text("utf-8").splitlines()) & texts


def test_most_are_typed_as_people_type() -> None:
    assert sum(text[0].isupper() for text in shipped_texts()) < 0.3 * len(shipped_texts())
