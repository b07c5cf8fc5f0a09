"""Data that a vocabulary can be cut down to, and the words of what is left."""

from __future__ import annotations

from collections.abc import Iterable

from tests.tiny.t5 import WORDS
from worker.publish.shortlist import Taught

ENOUGH: list[Taught] = [
    ("you are stupid", "you are wrong"),
    ("so stupid", "wrong"),
    ("stop it", "please stop"),
    ("so dumb", "please go on"),
    ("it", "go on"),
]
OF_ENOUGH = {"you", "are", "stupid", "wrong", "stop", "it", "please", "so", "dumb", "go", "on"}


def words(tokens: Iterable[str]) -> set[str]:
    """Those of the vocabulary's words that are no single characters."""
    return {token[1:] for token in tokens if token[1:] in WORDS.split() and len(token) > 2}
