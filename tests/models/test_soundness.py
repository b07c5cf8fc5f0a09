"""Rewrites with invented words, and rewrites that turn round what was said."""

from pathlib import Path

import pytest
from safetensors.numpy import load_file

from models import soundness
from models.model_errors import LoadError
from models.serving.choosing import read
from models.soundness import WORDS, WORDS_FILE, invented, turned_round
from worker.base.judging.known_words import known_words


@pytest.mark.parametrize(
    ("source", "rewrite", "turned"),
    [
        ("It would be a damn shame.", "It wouldn't be a shame.", True),
        ("You can't be that dumb.", "You can be smart.", True),
        ("I don’t give a shit.", "I care.", True),
        ("I don't give a shit.", "I do not care.", False),
        ("You are stupid.", "You are not smart.", False),
        ("No one cares, idiot.", "Nobody cares.", False),
    ],
)
def test_a_rewrite_that_says_no_to_what_was_said_is_told(source: str, rewrite: str, turned: bool) -> None:
    assert turned_round(source, rewrite) is turned


@pytest.mark.parametrize(
    ("source", "rewrite", "found"),
    [
        ("up yours you incompetent administrator", "Upetant administrator.", {"upetant"}),
        ("maybe it creates those sadistic fucks", "Maybe it creates those aveistic people.", {"aveistic"}),
        ("oi , ya stoopid glorbnix", "Hey, you are not a smart glorbnix.", set()),
        ("the weather is shit in London", "London's weather isn’t good, and we won't like it.", set()),
        ("du bist so ein dummer esel hier", "Du hast wohl heute keinen guten tag.", set()),
    ],
)
def test_invented_words_are_found(source: str, rewrite: str, found: set[str]) -> None:
    assert invented(source, rewrite) == found


def test_what_is_broken_has_less_quality_than_the_same_unbroken() -> None:
    broken, whole = read("that is a stupid damn attitude", ["That is a disair attitude.", "That is a bad attitude."])
    assert broken.quality < 0.5 * whole.quality


def test_a_list_that_is_damaged_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "known_words.safetensors"
    damaged.write_bytes(b"nothing")
    monkeypatch.setattr(soundness, "WORDS_FILE", damaged)
    soundness._known.cache_clear()
    try:
        with pytest.raises(LoadError, match="cannot be read as the list of known words"):
            invented("the tea is hot", "The tea is lukewarmish.")
    finally:
        soundness._known.cache_clear()


def test_words_are_listed_that_occur_on_a_few_lines_and_are_not_drawn_out() -> None:
    assert known_words(["Sooo nice", "sooo nice!", "sooo nice and odd", "and so", "and odd"]) == {"nice", "and"}


def test_the_list_is_sorted_as_looking_up_needs() -> None:
    numbers = load_file(WORDS_FILE)[WORDS]
    assert len(numbers) > 50_000
    assert (numbers[1:] > numbers[:-1]).all()
