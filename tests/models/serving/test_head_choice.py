"""The choice with a head: good ones to people's liking, unlike each other, and the last one explores."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from models.reward.features import NAMED, SIZE, Array
from models.reward.head import Head, fit
from models.reward.judgments import JudgedScreen
from models.serving import choosing, head_choice
from models.serving.choosing import Rewrite
from models.serving.head_choice import READ_OF_POOL, READ_WITH_HEAD, options, pick, pools, prefer, read
from models.serving.pool import Option

SOURCE = "your stupid plan will never work"
WIDTHS = (0.5, 0.2, 0.1)


def row(value: float) -> Array:
    found = np.zeros(SIZE)
    found[0] = value
    return found


def option(text: str, liked: float = 0.0, quality: float = 0.5, meaning: float = 0.8, neutral: float = 0.9) -> Option:
    return Option(text, -0.5, neutral, meaning, 0.5, quality, row(liked))


def head(clicks: int = 20) -> Head:
    """Of people who like what has more of the first feature."""
    return fit([JudgedScreen([row(1.0), row(-1.0), row(0.0)], (0,))] * clicks, WIDTHS)


def shown(among: list[Option], by: Head, wanted: int = 3, seed: int = 1) -> list[str]:
    return [among[pick.place].text for pick in prefer(SOURCE, among, wanted, by, random.Random(seed))]


ALIKE = [
    option(text, liked)
    for text, liked in [("red", -2.0), ("green", -1.0), ("blue", 0.0), ("white", 1.0), ("black", 2.0)]
]


def test_of_rewrites_as_good_as_each_other_those_to_peoples_liking_are_shown() -> None:
    assert set(shown(ALIKE, head())[:2]) == {"black", "white"}
    assert prefer(SOURCE, ALIKE, 3, head(), random.Random(1))[0].probability == 1.0


def test_what_is_liked_does_not_buy_off_what_is_broken_rude_or_beside_the_point() -> None:
    for flaw in (
        option("purple", 3.0, quality=0.0),
        option("purple", 3.0, quality=0.1, neutral=0.05),
        option("purple", 3.0, quality=0.02, meaning=0.05),
    ):
        assert "purple" not in shown([*ALIKE, flaw], head())[:2]


def test_the_more_clicks_the_harder_it_pulls() -> None:
    good, liked = option("good", 0.0, quality=0.6, meaning=0.85), option("liked", 1.0, quality=0.25, meaning=0.7)
    others = [option(text, -1.0) for text in ("red", "green", "blue")]
    assert shown([good, liked, *others], head(1))[0] == "good"
    assert shown([good, liked, *others], head(60))[0] == "liked"


def test_cards_that_repeat_each_other_stand_back() -> None:
    among = [option("we like your plan", 1.0), option("we like your plans", 1.0), option("no thanks", 1.0)]
    assert shown(among, head())[:2] == ["we like your plan", "no thanks"]


def test_the_last_card_explores_and_its_probability_is_told() -> None:
    unsure = fit([JudgedScreen([row(1.0), row(-1.0)], (0,))], WIDTHS)
    among = [option(text, liked) for text, liked in [("a", 0.2), ("b", 0.1), ("c", 0.05), ("d", 0.0), ("e", -0.05)]]
    last: Counter[str] = Counter()
    told: dict[str, list[float]] = {}
    for seed in range(400):
        pick = prefer(SOURCE, among, 3, unsure, random.Random(seed))[-1]
        last[among[pick.place].text] += 1
        told.setdefault(among[pick.place].text, []).append(pick.probability)
    assert len(last) > 1
    for text, number in last.items():
        if number > 40:
            assert number / 400 == pytest.approx(np.mean(told[text]), abs=0.12)


def test_the_same_chance_gives_the_same_cards() -> None:
    assert shown(ALIKE, head(2), seed=5) == shown(ALIKE, head(2), seed=5)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_few_are_all_shown(number: int) -> None:
    assert sorted(shown(ALIKE[:number], head())) == sorted(one.text for one in ALIKE[:number])


def test_beside_the_copy_of_a_polite_text_what_is_much_less_likely_comes_last() -> None:
    polite = "thank you for the nice dinner"
    copy = Option(polite, -0.1, 0.95, 1.0, 0.6, 0.6, row(0.0))
    damaged = Option("thank tank for dinner", -2.5, 0.95, 0.9, 0.5, 0.5, row(3.0))
    fine = Option("thanks for the nice dinner", -0.4, 0.95, 0.95, 0.6, 0.5, row(-1.0))
    picks = prefer(polite, [damaged, copy, fine], 3, head(), random.Random(1))
    assert picks[-1].place == 0


def test_the_judge_reads_the_most_promising_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    rewrites = [Rewrite(f"your plan will not work, {word}", -0.3) for word in "abcdefghijklmn"]
    rewrites.insert(3, Rewrite("you stupid stupid idiot moron", -6.0))
    read: list[str] = []
    real = choosing.read

    def noted(source: str, texts: list[str]) -> list[choosing.Reading]:
        read.extend(texts)
        return real(source, texts)

    monkeypatch.setattr(choosing, "read", noted)
    found = options(SOURCE, rewrites, head())
    assert len(found) == len(read) == READ_WITH_HEAD < len(rewrites)
    assert "you stupid stupid idiot moron" not in read
    assert [one.text for one in found] == [one.text for one in rewrites if one.text in set(read)]
    assert all(one.features.shape == (SIZE,) and 0 <= one.quality <= 1 for one in found)


def test_the_normal_distribution_is_that_of_the_tables() -> None:
    assert head_choice._normal(np.array([-1.96, 0.0, 1.0])) == pytest.approx([0.025, 0.5, 0.8413], abs=1e-4)


def test_where_a_version_was_taught_the_head_pulls_less_and_quality_costs_more() -> None:
    """A taught version writes what is liked by itself; what is liked a little more buys no loss of meaning there."""
    among = [*ALIKE[:4], option("orange", 1.6, meaning=0.62)]
    assert "orange" in shown(among, head())[:2]
    assert "orange" not in shown(among, replace(head(), taught=True))[:2]


@pytest.mark.parametrize("explores", [True, False])
@pytest.mark.parametrize("by", [None, head(3)])
def test_the_choice_in_a_pool_does_not_turn_on_the_level_of_its_log_probabilities(
    by: Head | None, explores: bool
) -> None:
    """Versions differ in it; a constant more for each option of a pool is no reason to show another one."""
    level = np.zeros(SIZE)
    level[[one.name for one in NAMED].index("likelihood")] = 0.7
    among = [
        option(text, liked, quality) for text, liked, quality in (("a", 0.1, 0.5), ("b", 0.6, 0.4), ("c", 0.3, 0.6))
    ]
    raised = [replace(one, likelihood=one.likelihood + 0.2, features=one.features + level) for one in among]

    def picked(options: list[Option]) -> list[tuple[int, float]]:
        found = [
            pick(SOURCE, options, range(3), ["a b"], by, random.Random(seed) if explores else None)
            for seed in range(20)
        ]
        return [(one.place, one.probability) for one in found]

    assert picked(raised) == picked(among)


def test_of_a_pool_the_best_that_is_left_and_repeats_nothing_is_shown() -> None:
    among = [option("we like your plan", 1.0), option("we like your plans", 1.0), option("no thanks", 1.0)]
    assert pick(SOURCE, among, range(3), [], head()).place == 0
    assert pick(SOURCE, among, range(3), ["we like your plan"], head()).place == 2
    assert pick(SOURCE, among, [1], [], head()).place == 1
    best = [option("good", quality=0.6), option("liked", 3.0, quality=0.5)]
    assert pick(SOURCE, best, range(2), [], None).place == 0


def test_without_a_head_the_pick_is_that_of_the_choice_by_quality() -> None:
    texts = ["your plan will not work", "that plan can not work", "I doubt this", "bad plan", "no"]
    rewrites = [Rewrite(text, -0.2 * place) for place, text in enumerate(texts)]
    among = read(SOURCE, rewrites)
    chosen: list[int] = []
    for _ in range(3):
        left = [place for place in range(len(among)) if place not in chosen]
        chosen.append(pick(SOURCE, among, left, [texts[place] for place in chosen], None).place)
    assert chosen == choosing.choose(SOURCE, rewrites, 3)


def test_of_each_pool_the_judge_reads_three_and_what_several_have_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    real = choosing.read

    def noted(source: str, texts: list[str]) -> list[choosing.Reading]:
        calls.append(list(texts))
        return real(source, texts)

    monkeypatch.setattr(choosing, "read", noted)
    common = [Rewrite(f"your plan will not work, {word}", -0.3) for word in "abcdef"]
    found, readings = pools(SOURCE, [common, common, [Rewrite("no", -0.5)]], head())
    assert [len(one) for one in found] == [READ_OF_POOL, READ_OF_POOL, 1] == [3, 3, 1]
    assert [sorted(texts) for texts in calls] == [sorted({one.text for pool in found for one in pool})]
    assert set(readings) == set(calls[0])
    assert [len(one) for one in pools(SOURCE, [common, common], None)[0]] == [6, 6]


def test_of_rewrites_as_good_as_each_other_those_in_unlike_manners_are_shown_beside_each_other() -> None:
    among = [replace(one, manner=manner) for one, manner in zip(ALIKE[2:], ["", "brief", "brief"], strict=True)]
    plain = [replace(one, features=row(0.0), manner="") for one in among]
    equal = [replace(one, manner=other.manner) for one, other in zip(plain, among, strict=True)]
    assert set(shown(equal, head(), wanted=2)) == {"blue", "white"}
    assert pick(SOURCE, equal, range(3), ["grey"], None, manners={"brief"}).place == 0
    assert pick(SOURCE, plain, range(3), ["grey"], None, manners={""}) == pick(SOURCE, plain, range(3), ["grey"], None)
