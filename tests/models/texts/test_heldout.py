"""The texts that come with Mellow for the evaluation of every version."""

from __future__ import annotations

from models.texts.heldout import heldout_pairs, is_measured


def test_every_source_and_every_rewrite_is_measured_on_in_any_spelling() -> None:
    pairs = heldout_pairs()
    assert len(pairs) == 60
    assert all(is_measured(text.upper() + " !") for pair in pairs for text in pair)
    assert not is_measured("nobody ever wrote this sentence into that file")
