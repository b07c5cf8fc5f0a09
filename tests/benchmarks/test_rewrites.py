"""What is counted of a rewrite, by hand, and the table of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from benchmarks.experiments import rewrites
from benchmarks.experiments.rewrites import judged, table

SOURCE = "He are a stupid liar"
FOUND = {
    SOURCE: frozenset({("Agreement", "are")}),
    "He are a liar": frozenset({("Agreement", "are")}),
    "He tells fibs fibs": frozenset({("Repetition", "fibs fibs")}),
    "He is not honest": frozenset[tuple[str, str]](),
}


@pytest.mark.parametrize(
    ("rewrite", "meaning", "figures"),
    [
        ("He are a liar", 0.9, [True, False, False, False, True]),
        ("He tells fibs fibs", 0.6, [True, True, True, False, False]),
        ("He is not honest", 0.7, [False, False, True, True, False]),
    ],
)
def test_a_mistake_of_the_source_is_not_one_that_was_made_and_a_new_word_needs_the_meaning(
    rewrite: str, meaning: float, figures: list[bool]
) -> None:
    assert list(judged(SOURCE, rewrite, FOUND, meaning).values()) == figures


def test_the_table_has_means_over_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrites, "mistakes", lambda texts: FOUND)
    scorers = SimpleNamespace(similarity=lambda sources, texts: [0.9] * len(texts))
    monkeypatch.setattr(rewrites, "load_scorers", lambda cache: scorers)
    shown = [["He are a liar", "He is not honest"], ["He is not honest"] * 2]
    lines = table([SOURCE, SOURCE], {"shown": shown}).splitlines()
    assert lines[0] == "| | ungrammatical | mistakes made | new words | new words, alike | deletions |"
    cells = [cell.strip().split(" ")[0] for cell in lines[2].strip("|").split("|")]
    assert cells == ["shown", "0.250", "0.000", "0.750", "0.750", "0.250"]
