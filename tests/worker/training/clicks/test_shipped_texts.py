"""The texts that come with the recipe."""

from __future__ import annotations

from models.texts.heldout import heldout_pairs, read_pairs
from worker.training.clicks.anchors import ANCHORS_FILE
from worker.training.clicks.shipped_texts import SENTENCES_FILE, shipped_texts


def test_there_are_hundreds_and_all_differ() -> None:
    texts = shipped_texts()
    assert len(texts) > 400
    assert len(set(texts)) == len(texts)
    assert shipped_texts.__wrapped__() == texts, "they are the same each time"


def test_all_are_written_for_nothing_else() -> None:
    sentences = set(SENTENCES_FILE.read_text(encoding="utf-8").splitlines())
    measured = {text for pair in [*heldout_pairs(), *read_pairs(ANCHORS_FILE)] for text in pair}
    assert not measured & (sentences | set(shipped_texts()))
    assert not sentences & set(shipped_texts()), "each was made rude"
    assert sum(text[0].isupper() for text in shipped_texts()) < 0.6 * len(shipped_texts()), "typed as people type"
