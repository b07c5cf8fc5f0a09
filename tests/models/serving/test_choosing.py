"""Which rewrites are shown: neutral before rude, faithful before forgetful, different before alike."""

import math
import random
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from models.model_errors import LoadError
from models.reward.features import Verdict
from models.serving import choosing
from models.serving.choosing import (
    READ_WITHOUT_HEAD,
    Reading,
    Rewrite,
    choose,
    enough,
    is_polite,
    least_neutral_spellings,
    promising_and_different,
    qualities,
    repetition,
    rude_words,
)
from models.serving.neutrality import BUCKETS, Neutrality, buckets, words

SOURCE = "you are a stupid idiot and your plan will never work"


def chosen(*texts: str, wanted: int = 3) -> list[str]:
    return [texts[place] for place in choose(SOURCE, [Rewrite(text, -0.5) for text in texts], wanted)]


def test_a_neutral_rewrite_is_better_than_a_rude_one() -> None:
    assert chosen("you are a fucking moron and your plan will never work", "your plan will never work", wanted=1) == [
        "your plan will never work"
    ]


def test_a_rewrite_that_keeps_the_meaning_is_better_than_one_that_drops_it() -> None:
    assert chosen("please stop it", "you are not clever and your plan will never work", wanted=1) == [
        "you are not clever and your plan will never work"
    ]


def test_a_likelier_rewrite_is_better_than_an_unlikely_one() -> None:
    good, odd = qualities(
        SOURCE, [Rewrite("your plan will never work", -0.1), Rewrite("your plan will never work", -3)]
    )
    assert 0 < odd < good < 1


def test_the_second_is_unlike_the_first() -> None:
    texts = [
        "and your plan will never work",
        "and your plan will never really work",
        "you are not smart, your plan is going to fail",
    ]
    rewrites = [Rewrite(text, -0.5) for text in texts]
    first, alike, other = qualities(SOURCE, rewrites)
    assert first >= alike > other
    assert choose(SOURCE, rewrites, 2) == [0, 2]


def test_none_is_chosen_twice_and_no_more_than_there_are() -> None:
    assert sorted(chosen("your plan will never work", "no")) == ["no", "your plan will never work"]
    assert chosen() == []


def test_a_rewrite_that_reads_well_is_better_than_one_that_is_damaged() -> None:
    assert chosen("your plan never work will", "your plan will never work", wanted=1) == ["your plan will never work"]


def test_repetition_counts_shared_words() -> None:
    assert repetition("one two", "two one") == 1.0
    assert repetition("one two", "three four") == 0.0
    assert repetition("", "") == 1.0


def test_three_rewrites_are_enough_if_they_are_neutral_or_the_text_was() -> None:
    rude = ["you moron", "what a moron you are", "fuck you"]
    assert not enough(SOURCE, rude, 3)
    assert enough(SOURCE, [*rude, "please stop", "that is not right", "your plan will not work"], 3)
    assert not enough(SOURCE, ["please stop", "no"], 3)
    assert is_polite("thank you for your help")
    assert not is_polite(SOURCE)


@pytest.mark.parametrize(
    ("rude", "polite"),
    [
        ("you are an idiot", "you are mistaken"),
        ("shut the fuck up", "please be quiet"),
        ("WHAT A LOAD OF CRAP", "what a day"),
        ("this is stuuuuupid", "this is a student"),
        ("f*ck you", "thank you"),
    ],
)
def test_rude_texts_read_as_rude(rude: str, polite: str) -> None:
    low, high = Neutrality()([rude, polite])
    assert low < 0.5 < high


def test_words_are_compared_in_one_case_and_with_stretches_cut() -> None:
    assert words("SOOOO  ＤＵＭＢ, f*ck it's") == ["soo", "dumb", "f*ck", "it's"]


def test_an_empty_text_is_no_insult() -> None:
    [value] = Neutrality()([""])
    assert 0 < value < 1


def test_weights_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(LoadError, match="cannot be read"):
        Neutrality(path)
    save_file({"weights": np.zeros(3, np.float16), "bias": np.zeros(1, np.float32)}, path)
    with pytest.raises(LoadError, match="shape"):
        Neutrality(path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("what a stupid IDIOT you are", ["stupid", "idiot"]),
        ("gay people are stupid", ["stupid"]),
        ("you are STUUUUPID", ["stuupid", "stuuuupid", "stupid"]),
        ("you total asssss", ["ass", "asssss"]),
        ("thank you for your help", []),
        ("", []),
    ],
)
def test_rude_words_are_those_beyond_doubt_and_never_names_of_groups(text: str, found: list[str]) -> None:
    assert rude_words(text) == found


def test_beside_the_copy_of_a_polite_text_what_is_much_less_likely_comes_last() -> None:
    polite, rude = "thank you for the lovely dinner", "thank you for the fucking dinner"
    rewrites = [
        Rewrite(polite, -0.1),
        Rewrite("thank you for the dinner", -2.5),
        Rewrite("thank tank for the blue dinner", -0.3),
    ]

    assert choose(polite, rewrites, 3) == [0, 2, 1]
    assert choose(rude, rewrites, 3) == [0, 1, 2]


def naively(source: str, rewrites: Sequence[Rewrite], wanted: int) -> list[int]:
    """The choice with every log-probability at hand, step by step as its definition has it."""
    quality = qualities(source, rewrites)
    copies = [one.mean_log_probability for one in rewrites if is_polite(source) and words(one.text) == words(source)]
    near = [not copies or one.mean_log_probability >= max(copies) - 0.7 for one in rewrites]
    chosen: list[int] = []
    while len(chosen) < min(wanted, len(rewrites)):
        best, most = -1, (False, -math.inf)
        for place, rewrite in enumerate(rewrites):
            repeated = max((repetition(rewrite.text, rewrites[other].text) for other in chosen), default=0.0)
            if place not in chosen and (near[place], quality[place] * (1 - 0.35 * repeated)) > most:
                best, most = place, (near[place], quality[place] * (1 - 0.35 * repeated))
        chosen.append(best)
    return chosen


@pytest.mark.parametrize("source", [SOURCE, "thank you for the plan"])
def test_the_choice_is_what_its_definition_says(source: str) -> None:
    dice = random.Random(5)
    for _ in range(10):
        rewrites = invented_rewrites(source, 9, dice)
        assert choose(source, rewrites, 3) == naively(source, rewrites, 3)


def invented_rewrites(source: str, number: int, dice: random.Random) -> list[Rewrite]:
    """Return the text itself and as many strings of words, each as likely as the dice say."""
    vocabulary = [*words(source), *words("please stop it, that is not right and the plan is wrong")]
    drawn = (" ".join(dice.choices(vocabulary, k=dice.randint(2, 9))) for _ in range(number))
    return [Rewrite(text, -dice.random() * 3) for text in dict.fromkeys([source, *drawn])]


GOOD = [
    "your plan will never work",
    "this is not going to happen",
    "i do not believe in it",
    "that idea seems no good to me",
    "please never try",
    "nobody would accept what we heard",
]


def test_the_most_promising_ones_are_polite_and_whole_and_stay_in_their_order() -> None:
    poor = ["you stupid idiot", "your stupid plan will never work", "your plan \N{REPLACEMENT CHARACTER}"]
    rewrites = [Rewrite(text, -0.5) for text in (*poor, *GOOD)]
    assert len(GOOD) == READ_WITHOUT_HEAD
    assert promising_and_different(SOURCE, rewrites) == rewrites[len(poor) :]


def test_of_rewrites_that_promise_as_much_those_are_read_that_repeat_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "before_reading", lambda source, rewrites: (None, np.zeros(len(rewrites))))
    again = ["your plan will never ever work", "this is not going to happen now"]
    rewrites = [Rewrite(text, -0.5) for text in (*GOOD, *again)]
    assert promising_and_different(SOURCE, rewrites) == rewrites[: len(GOOD)]


def test_few_rewrites_are_all_promising_and_a_copy_of_a_polite_text_always_is() -> None:
    polite = "thank you for the plan"
    rewrites = invented_rewrites(polite, 12, random.Random(1))
    unlikely = [Rewrite(polite, -9.0), *rewrites[1:]]
    assert promising_and_different(polite, unlikely)[0] == unlikely[0]
    assert promising_and_different(polite, unlikely[:READ_WITHOUT_HEAD]) == unlikely[:READ_WITHOUT_HEAD]


def test_the_least_neutral_word_of_a_text() -> None:
    assert least_neutral_spellings("Reagan was truly EVIL") == ["evil"]
    assert least_neutral_spellings("Reagan was truly eeeevil") == ["eevil", "eeeevil"]


def test_bytes_that_spell_nothing_come_last() -> None:
    broken = "your plan will not work \N{REPLACEMENT CHARACTER}"
    assert chosen(broken, "work work no no plan", wanted=1) == ["work work no no plan"]


def test_also_beside_the_copy_of_a_polite_text_bytes_that_spell_nothing_come_last() -> None:
    polite = "thank you for the lovely dinner"
    broken, unlikely = "thank you for the dinner \N{REPLACEMENT CHARACTER}", "thank you for the dinner"
    assert choose(polite, [Rewrite(polite, -0.1), Rewrite(broken, -0.3), Rewrite(unlikely, -2)], 3) == [0, 2, 1]


def test_the_features_of_a_text_are_those_of_its_words_letter_groups_and_pairs() -> None:
    def naive(text: str) -> list[int]:
        found = words(text)
        features = ["w" + word for word in found]
        for word in found:
            marked = f"<{word}>"
            features += [marked[at : at + size] for size in (3, 4, 5) for at in range(len(marked) - size + 1)]
        features += [f"b{one} {two}" for one, two in zip(["^", *found], [*found, "$"], strict=True)]
        return sorted({zlib.crc32(feature.encode()) % BUCKETS for feature in features})

    for text in (SOURCE, "", "a", "SOOOO  ＤＵＭＢ, f*ck it's", "naïve дурак 白痴 👍", "you you you are you are"):
        for _ in range(2):  # also from memory
            assert buckets(text).tolist() == naive(text)


def in_manners(*manners: str) -> list[Rewrite]:
    texts = [
        "your plan will not work",
        "I think that your plan fails",
        "your plan has no chance",
        "that plan cannot work",
    ]
    return [Rewrite(text, -0.5, manner=manner) for text, manner in zip(texts, manners, strict=True)]


def test_of_rewrites_as_good_as_each_other_those_in_unlike_manners_are_shown() -> None:
    verdict = Verdict(0.8, 0.5, 0.0, 0.0, np.zeros(384, np.float32))
    readings = [Reading(0.9, verdict, 0.5)] * 4
    assert set(choose(SOURCE, in_manners("brief", "brief", "brief", "formal"), 2, readings=readings)) == {0, 3}
    plain = choose(SOURCE, in_manners("", "", "", ""), 3, readings=readings)
    assert choose(SOURCE, in_manners("brief", "formal", "gentle", "lively"), 3, readings=readings) == plain
