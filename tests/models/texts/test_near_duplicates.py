"""Near-duplicates of the texts that versions are tested on, against a naive look at every pair."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pytest

from models.formats.splitting import split_key
from models.texts.near_duplicates import FEWEST, RUN, Likeness, TestedTexts

TESTED = "where the hell did you put my keys ?"
LONG = "i told you a hundred times that nobody in this whole damn office wants to hear about your stupid holiday again"


@pytest.mark.parametrize(
    "text",
    [
        "Where the HELL did you put my keys",
        "where the hell did you put my wallet",
        "where the hell did you put keys",
        "so where the hell did you put my keys",
        "where the hell did you just put my keys?",
        "hell where the did you put my keys",
    ],
)
def test_one_word_makes_no_other_text(text: str) -> None:
    found = TestedTexts(["something else", TESTED]).like(text)
    assert found == Likeness(TESTED, same=split_key(text) == split_key(TESTED))


@pytest.mark.parametrize(
    "text",
    [
        "where the hell did you leave my wallet",
        "where the hell are you",
        "you put my keys where the hell did",
        "",
        "?!",
    ],
)
def test_two_words_do(text: str) -> None:
    assert TestedTexts([TESTED]).like(text) is None


def test_short_texts_are_near_duplicates_by_their_wording_alone() -> None:
    tested = TestedTexts(["you are a moron", "shut up"])
    assert tested.like("you are a fool") is None
    assert tested.like("shut it up") is None
    assert tested.like("Shut up!!") == Likeness("shut up", same=True)


def test_eight_words_in_a_row_are_a_quotation() -> None:
    tested = TestedTexts([LONG])
    run = " ".join(LONG.split()[5 : 5 + RUN])
    assert tested.like(f"she said: {run}, and left the room at once") == Likeness(LONG, same=False)
    assert tested.like(f"she said: {run.rsplit(' ', 1)[0]}, and left the room at once") is None


def test_texts_without_spaces_are_looked_at_sign_by_sign() -> None:
    assert TestedTexts(["你今天到底想干什么"]).like("你今天到底想做什么") is not None


def test_nothing_is_like_no_text() -> None:
    assert TestedTexts([]).like(TESTED) is None


def naive(a: Sequence[str], b: Sequence[str]) -> bool:
    """The definition, word by word."""

    def without_one(words: Sequence[str]) -> list[tuple[str, ...]]:
        return [(*words[:place], *words[place + 1 :]) for place in range(len(words))]

    forms = [{tuple(words), *without_one(words)} for words in (a, b)]
    if any(len(shared) >= FEWEST for shared in forms[0] & forms[1]):
        return True
    runs = [{tuple(words[n : n + RUN]) for n in range(len(words) - RUN + 1)} for words in (a, b)]
    return bool(runs[0] & runs[1])


def test_the_definition_holds_for_every_length() -> None:
    rng = random.Random(3)
    hits = 0
    for _ in range(3_000):
        first = [f"w{rng.randrange(40)}" for _ in range(rng.randint(1, 30))]
        other = list(first)
        for _ in range(rng.randint(0, 3)):
            place = rng.randrange(len(other) + 1)
            change = rng.randrange(3)
            other[place : place + (change > 0)] = [f"x{rng.randrange(40)}"] if change < 2 else []
        expected = first == other or naive(first, other)
        assert (TestedTexts([" ".join(first)]).like(" ".join(other)) is not None) == expected, (first, other)
        hits += expected
    assert 500 < hits < 2_900


@pytest.mark.long
def test_time_grows_with_the_texts_and_not_with_their_product() -> None:
    def seconds(count: int) -> float:
        texts = [f"this is the text with number {n} which is like all of the others" for n in range(count)]
        began = time.process_time()
        tested = TestedTexts(texts)
        assert all(tested.like(f"{text} but longer") for text in texts[:count])
        return time.process_time() - began

    assert seconds(8_000) < 16 * max(seconds(1_000), 0.02)
