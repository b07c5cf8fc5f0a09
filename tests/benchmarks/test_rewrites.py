"""What is counted of a rewrite, by hand, and the table of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from benchmarks.experiments import rewrites
from benchmarks.experiments.rewrites import judged, table
from benchmarks.support.parses import _answers, sentences_of

SOURCE = "He are a stupid liar"
FOUND = {
    SOURCE: frozenset({("Agreement", "are")}),
    "He are a liar": frozenset({("Agreement", "are")}),
    "He tells fibs fibs": frozenset({("Repetition", "fibs fibs")}),
    "He is not honest": frozenset[tuple[str, str]](),
}
WHOLE = {SOURCE: False, "He are a liar": False, "He tells fibs fibs": True, "He is not honest": True}


@pytest.mark.parametrize(
    ("rewrite", "meaning", "figures"),
    [
        ("He are a liar", 0.9, [True, False, False, False, True]),
        ("He tells fibs fibs", 0.6, [False, True, True, False, False]),
        ("He is not honest", 0.7, [False, False, True, True, False]),
    ],
)
def test_a_mistake_of_the_source_is_not_one_that_was_made_and_a_new_word_needs_the_meaning(
    rewrite: str, meaning: float, figures: list[bool]
) -> None:
    assert list(judged(SOURCE, rewrite, WHOLE, FOUND, meaning).values()) == figures


def test_the_table_has_means_over_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrites, "mistakes", lambda texts: FOUND)
    monkeypatch.setattr(rewrites, "parsed", lambda texts: [WHOLE[text] for text in texts])
    scorers = SimpleNamespace(similarity=lambda sources, texts: [0.9] * len(texts))
    monkeypatch.setattr(rewrites, "load_scorers", lambda cache: scorers)
    shown = [["He are a liar", "He is not honest"], ["He is not honest"] * 2]
    lines = table([SOURCE, SOURCE], {"shown": shown}).splitlines()
    assert lines[0] == "| | ungrammatical | mistakes made | new words | new words, alike | deletions |"
    cells = [cell.strip().split(" ")[0] for cell in lines[2].strip("|").split("|")]
    assert cells == ["shown", "0.250", "0.000", "0.750", "0.750", "0.250"]


def test_sentences_are_asked_one_by_one_in_neat_spelling() -> None:
    assert sentences_of("!!! i dont know . Who are u ?") == ["I don't know.", "Who are you?"]
    assert sentences_of("...") == []


def test_an_answer_stands_between_the_echoes_of_two_sentences() -> None:
    told = ["One.", "Found 9 linkages (0 of 9 random", "Found 3 linkages (2 had", "Two.", "No complete linkages found."]
    assert _answers(["One.", "Two."], told) == [True, False]
    with pytest.raises(SystemExit, match="answered 1 of 2 sentences"):
        _answers(["One.", "Other."], told)
