"""The numbers of the choice of three: each is written here a second time, and a choice that turns on it is made."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.reward.features import SIZE, Array, MeasuredRewrite, Verdict, features, guess
from models.reward.head import Head, fit
from models.reward.judgments import JudgedScreen
from models.serving import choosing, head_choice
from models.serving.choosing import Rewrite
from models.serving.pool import Option

GROUPS = (
    "arab arabs asian asians black blacks christian christians gay gays girl girls immigrant immigrants indian indians "
    "jew jewish jews lesbian lesbians man men mexican mexicans muslim muslims trans white whites woman women"
)


@pytest.fixture
def neutral(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Return what the classifier is said to find of each text; 0 of others."""
    found: dict[str, float] = {}
    monkeypatch.setattr(choosing, "neutrality", lambda: lambda texts: [found.get(text, 0.0) for text in texts])
    return found


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[float, float]]:
    """Return what the judge is said to find of each text: meaning and fluency."""
    found: dict[str, tuple[float, float]] = {}

    def judge(_: str, texts: Sequence[str]) -> list[Verdict]:
        return [Verdict(*found[text], 0.0, 0.0, np.zeros(1, np.float32)) for text in texts]

    monkeypatch.setattr(choosing, "judge", lambda: judge)
    return found


def test_a_text_above_eight_tenths_is_polite(neutral: dict[str, float]) -> None:
    neutral |= {"a": 0.8, "b": 0.8001}
    assert (choosing.is_polite("a"), choosing.is_polite("b")) == (False, True)
    assert choosing.rude_places(["a", "b"]) == {0}


def test_a_word_below_two_hundredths_is_rude(neutral: dict[str, float]) -> None:
    neutral |= {"a": 0.02, "b": 0.0199}
    assert choosing.rude_words("a b") == ["b"]


def test_names_of_groups_are_never_rude(neutral: dict[str, float]) -> None:
    assert choosing.rude_words(f"{GROUPS} group") == ["group"]


def test_more_than_half_is_neutral_enough(neutral: dict[str, float]) -> None:
    neutral |= {"a": 0.5001, "b": 0.5001, "c": 0.5}
    assert choosing.enough("rude", ["a", "b", "a"], 3)
    assert not choosing.enough("rude", ["a", "b", "c"], 3)


def test_quality_is_neutrality_times_meaning_times_fluency_times_likelihood(
    neutral: dict[str, float], judged: dict[str, tuple[float, float]]
) -> None:
    neutral |= {"a": 0.6, "b": 0.6}
    judged |= {"a": (0.7, 0.5), "b": (-0.4, 0.5)}
    kept, forgetful = choosing.qualities("rude", [Rewrite("a", -2.0), Rewrite("b", -2.0)])
    assert kept == pytest.approx(0.6**0.67 * 0.7**2 * 0.5**0.8 * math.exp(0.1 * -2.0))
    assert forgetful == pytest.approx(0.6**0.67 * 0.05**2 * 0.5**0.8 * math.exp(0.1 * -2.0))


@pytest.mark.parametrize(("share", "second"), [(0.99, "like the first"), (1.01, "another")])
def test_a_repetition_loses_thirty_five_hundredths_of_its_quality(
    neutral: dict[str, float], judged: dict[str, tuple[float, float]], share: float, second: str
) -> None:
    neutral |= dict.fromkeys(("like the first", "first the like", "another"), 1.0)
    judged |= {"like the first": (1.0, 1.0), "first the like": (1.0, 1.0), "another": (1.0, (share * 0.65) ** 1.25)}
    texts = ["first the like", "like the first", "another"]
    places = choosing.choose("rude", [Rewrite(text, 0.0) for text in texts], 2)
    assert [texts[place] for place in places] == ["first the like", second]


@pytest.mark.parametrize(("likelihood", "first"), [(-0.699, "polite"), (-0.701, "text")])
def test_what_is_less_likely_than_a_polite_text_by_seven_tenths_comes_behind_it(
    neutral: dict[str, float], judged: dict[str, tuple[float, float]], likelihood: float, first: str
) -> None:
    neutral |= {"text": 0.9, "polite": 1.0}
    judged |= {"text": (0.5, 0.5), "polite": (1.0, 1.0)}
    rewrites = [Rewrite("text", 0.0), Rewrite("polite", likelihood)]
    assert rewrites[choosing.choose("text", rewrites, 1)[0]].text == first


def row(value: float) -> Array:
    found = np.zeros(SIZE)
    found[0] = value
    return found


def option(text: str, liked: float = 0.0, **numbers: float) -> Option:
    of = {"likelihood": -0.5, "neutrality": 0.9, "meaning": 0.8, "fluency": 0.5, "quality": 0.5} | numbers
    return Option(text, features=row(liked), manner="", **of)


def head(*, taught: bool = False, clicks: int = 20) -> Head:
    found = fit([JudgedScreen([row(1.0), row(-1.0), row(0.0)], (0,))] * clicks, (0.5, 0.2, 0.1))
    return replace(found, taught=taught)


@pytest.mark.parametrize(("taught", "meaning", "fluency"), [(False, 12.0, 14.0), (True, 24.0, 28.0)])
def test_the_worth_of_a_rewrite_is_half_its_quality_and_what_it_keeps_without_what_is_rude(
    taught: bool, meaning: float, fluency: float
) -> None:
    among = [option("a", neutrality=one, meaning=0.7, fluency=0.3) for one in (0.44, 0.45, 0.5, 0.55, 0.56)]
    found = head_choice._worth(among, np.full(5, -2.0), head(taught=taught))
    kept = 0.5 * -2.0 + meaning * 0.7 + fluency * 0.3
    assert found == pytest.approx([kept - 5.0, kept - 5.0, kept - 2.5, kept, kept])


@pytest.mark.parametrize(("taught", "liking", "meaning"), [(False, 16.0, 12.0), (True, 8.0, 24.0)])
@pytest.mark.parametrize(("share", "first"), [(0.99, "liked"), (1.01, "true")])
def test_what_is_liked_is_worth_so_much_meaning(
    taught: bool, liking: float, meaning: float, share: float, first: str
) -> None:
    by = head(taught=taught)
    usual = [option("true", 0.0), option("one", -0.1), option("two", -0.2)]
    among = [*usual, option("liked", 0.05, quality=0.49)]
    rows = np.array([one.features for one in among])
    ahead = head_choice._preferred(by, rows, [0, 1, 2])
    worth = head_choice._worth(among, np.array([math.log(0.5)] * 3 + [math.log(0.49)]), by)
    gap = share * (liking * (ahead[3] - ahead[0]) + worth[3] - worth[0]) / meaning
    among[0] = option("true", 0.0, meaning=0.8 + gap)
    picks = head_choice.prefer("rude", among, 3, by, random.Random(1))
    assert among[picks[0].place].text == first


def test_the_judge_reads_the_eight_best_by_what_is_known_and_three_times_what_is_liked(
    neutral: dict[str, float], judged: dict[str, tuple[float, float]]
) -> None:
    chance, by = random.Random(3), head(clicks=3)
    vocabulary = ["please", "stop", "your", "plan", "is", "not", "a", "good", "one"]
    for _ in range(20):
        words = [" ".join(chance.choices(vocabulary, k=6)) for _ in range(20)]
        rewrites = [Rewrite(text, -2 * chance.random()) for text in dict.fromkeys(words)]
        neutral |= {one.text: chance.random() for one in rewrites} | {rewrites[0].text: 0.0}
        judged |= {one.text: (0.5, 0.5) for one in rewrites}
        rows = features(
            "rude",
            [MeasuredRewrite(one.text, one.mean_log_probability, neutral[one.text], None) for one in rewrites],
        )
        known = [0.1 * one.mean_log_probability + 0.67 * math.log(max(neutral[one.text], 1e-9)) for one in rewrites]
        promise = guess(rows) + known + 3.0 * head_choice._preferred(by, rows, range(len(rewrites)))
        best = set(np.argsort(-promise, kind="stable")[:8])
        read = head_choice.options("rude", rewrites, by)
        assert [one.text for one in read] == [one.text for place, one in enumerate(rewrites) if place in best]


@pytest.mark.parametrize(("share", "read"), [(0.99, "liked"), (1.01, "likely")])
def test_what_is_liked_counts_three_times_before_the_judge_reads(
    neutral: dict[str, float],
    judged: dict[str, tuple[float, float]],
    monkeypatch: pytest.MonkeyPatch,
    share: float,
    read: str,
) -> None:
    likings = dict.fromkeys("abcdefg", 1.0) | {"liked": 0.9, "likely": 0.1}
    neutral |= dict.fromkeys(likings, 1.0)
    judged |= dict.fromkeys(likings, (0.5, 0.5))
    monkeypatch.setattr(choosing, "guess", lambda rows: np.zeros(len(rows)))
    monkeypatch.setattr(head_choice, "_preferred", lambda *_: np.array([*likings.values()]))
    unlikely = -share * 3.0 * (0.9 - 0.1) / 0.1
    rewrites = [Rewrite(text, unlikely if text == "liked" else 0.0) for text in likings]
    assert [one.text for one in head_choice.options("rude", rewrites, head())] == [*"abcdefg", read]


def test_exploring_draws_sixty_four_weights_with_three_tenths_of_the_spread() -> None:
    by, rows = head(clicks=2), np.array([row(one) for one in (0.5, 0.0, -0.4)])
    found = head_choice._sampled_preferences(by, rows, [0, 1], random.Random(4))
    normal = np.random.default_rng(random.Random(4).getrandbits(64)).standard_normal((64, by.root.shape[1]))
    moved = by.utilities(rows) + 0.3 * normal @ (rows @ by.root).T
    apart = np.array([[np.linalg.norm((one - other) @ by.root) or 1.0 for other in rows[:2]] for one in rows])
    means = (moved[:, :, None] - moved[:, None, :2]) / apart
    assert found == pytest.approx(np.vectorize(lambda x: 0.5 + 0.5 * math.erf(x / math.sqrt(2)))(means).mean(2))


def test_the_chance_of_the_last_card_is_a_share_of_the_draws() -> None:
    among = [option(text, liked) for text, liked in (("a", 0.02), ("b", 0.01), ("c", 0.0), ("d", -0.01), ("e", 0.015))]
    chances = {
        head_choice.prefer("rude", among, 3, head(clicks=1), random.Random(seed))[-1].probability for seed in range(20)
    }
    assert len(chances) > 3
    assert all(chance * 64 == int(chance * 64) > 0 for chance in chances)


def test_what_is_broken_stands_behind_what_is_damaged_and_that_behind_all_others(neutral: dict[str, float]) -> None:
    neutral |= {"thank you": 0.9}
    among = [
        option("thank you", likelihood=-0.1),
        option("thanks", likelihood=-0.7999),
        option("tank you", likelihood=-0.8001),
        option("thank \N{REPLACEMENT CHARACTER}", likelihood=-0.1, quality=0.0),
    ]
    assert head_choice._penalties("thank you", among) == pytest.approx([0, 0, 1e3, 1e6])
    assert head_choice._penalties("rude", among) == pytest.approx([0, 0, 0, 1e6])


def test_what_repeats_loses_thirty_five_hundredths_here_too_and_a_shown_manner_twenty() -> None:
    among = [option("one two"), option("two one"), option("three"), replace(option("four"), manner="brief")]
    assert head_choice._discount(among, ["one two"], {"", "brief"}) == pytest.approx(
        [math.log(0.65), math.log(0.65), 0, math.log(0.8)]
    )
