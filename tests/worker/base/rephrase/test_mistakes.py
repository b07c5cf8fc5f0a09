"""Mistakes are made where there is a place for them, by every rule, and in both directions."""

import random
from difflib import SequenceMatcher

from worker.base.rephrase.mistakes import with_mistakes

LINE = "He doesn't want to go to the market with his friends, because they walked a long way."


def made(line: str, seeds: int = 300) -> list[str]:
    return [with_mistakes(line, random.Random(seed)) for seed in range(seeds)]


def test_most_lines_get_a_mistake_and_none_becomes_another_sentence() -> None:
    spoilt = made(LINE)
    assert sum(text != LINE for text in spoilt) > 290
    assert min(SequenceMatcher(None, LINE, text).ratio() for text in spoilt) > 0.75


def test_mistakes_go_both_ways() -> None:
    lost = " ".join(made("The dog is in the house and it likes us."))
    assert all(part in lost for part in ("dog are in", "dog in is", "the the", "it like us"))
    added = " ".join(made("Dogs are clever and they walk to school."))
    assert all(part in added for part in ("is clever", "walks", "to to", "a school"))


def test_the_same_seed_makes_the_same_mistakes() -> None:
    assert made(LINE, 20) == made(LINE, 20)
    assert len(set(made(LINE))) > 100


def test_a_line_with_no_place_for_a_mistake_stays() -> None:
    assert with_mistakes("!", random.Random(1)) == "!"
