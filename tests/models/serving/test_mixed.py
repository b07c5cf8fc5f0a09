"""One screen from two versions: under equal versions the cards may change places, whatever is on them."""

from __future__ import annotations

import functools
import math
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.config import EMBEDDED_BASE_MODEL
from models.model_errors import InputTooLong, NoLongerWanted
from models.reward.features import SIZE
from models.reward.head import Head, fit
from models.reward.judgments import JudgedScreen
from models.serving import choosing
from models.serving import mixed as mixing
from models.serving.engine import MAX_SOURCE_TOKENS, Draw, Drawn, Sample, Sampling
from models.serving.generator import Generator, wording
from models.serving.mixed import SAMPLES, MixedScreen, Written, mixed
from models.serving.text_pieces import Cut
from models.store.store import SERVING_FOLDER, CheckpointStore

TEXT = "you are a stupid idiot"
POLITE = "thank you for your help"
LONG = " ".join(["I have lived in this quiet town for thirty years and I like it."] * 3)
REWRITES = (
    "you are wrong",
    "you are not right",
    "that is not right",
    "I think you are wrong",
    "I see it otherwise",
    "please stop",
    "you may be mistaken",
    "I do not agree with you",
    "that was not clever",
    "you should think again",
)
SCREENS = 400
WEIGHTS = (9, 7, 5, 4, 3, 3, 2, 2, 1, 1)


class Drawing(Generator):
    """A real model whose samples come from a list of texts, some likelier than others."""

    def writes(self, texts: Sequence[str], weights: Sequence[int] | None = None, *, unlike: bool = False) -> Drawing:
        """Let it write those texts; with `unlike` the sets of a draw have nothing in common, as they should not."""
        self.texts, self.weights, self.unlike = list(texts), weights, unlike
        self.chance = random.Random(self.version)
        self.asked: list[Draw] = []
        return self

    def _draw(self, draw: Draw) -> Drawn:
        if not hasattr(self, "texts"):
            return super()._draw(draw)  # the warm-up
        self.asked.append(draw)
        found: list[list[str]] = []
        for _ in range(draw.sets):
            drawn = self.chance.choices(self.texts, self.weights, k=draw.count) if self.texts else []
            before = {text for texts in found for text in texts} if self.unlike else set()
            found.append([text for text in dict.fromkeys(drawn) if text not in before])
        sets = tuple(tuple(Sample(text, -0.5 * len(text.split()) - self.version) for text in texts) for texts in found)
        return Drawn(sets, call=len(self.asked), place=0)


@pytest.fixture
def versions(published: CheckpointStore) -> tuple[Drawing, Drawing]:
    """Return two versions of equal weights, which write the same."""
    folder = published.folder(1) / SERVING_FOLDER
    one, other = (Drawing(folder, number, threads=1, seed=number) for number in (1, 2))
    return one.writes(REWRITES, WEIGHTS), other.writes(REWRITES, WEIGHTS)


@pytest.fixture(scope="module")
def head() -> Head:
    """Of somebody who likes long rewrites, but not very surely."""
    longer, shorter = np.eye(SIZE)[0], -np.eye(SIZE)[0]
    return fit([JudgedScreen([longer, shorter], (0,))] * 4, (0.5, 0.2, 0.1))


@pytest.fixture
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the judge read each rewrite once, not on each of a thousand screens."""
    real = choosing.read
    one = functools.cache(lambda source, text: real(source, [text])[0])
    monkeypatch.setattr(choosing, "read", lambda source, texts: [one(source, text) for text in texts])


def screen(
    serving: Generator, other: Generator, head: Head | None = None, text: str = TEXT, sampling: Sampling | None = None
) -> MixedScreen:
    found = mixed(text, serving, other, sampling or Sampling(), head)
    assert found is not None
    return found


def single(screen: MixedScreen) -> Written:
    """Return the card of the version that has one."""
    cards = Counter(card.version for card in screen.candidates)
    return next(card for card in screen.candidates if cards[card.version] == 1)


def told_apart(screens: Sequence[MixedScreen]) -> float:
    """How far the single cards are from being any of the three, in standard deviations of Pearson's statistic.

    Given the texts of a screen, each is the single one with probability 1/3: counts have the mean and the covariance
    of that, and their square distance is that of a chi-square with one degree less than there are texts.
    """
    places = {text: place for place, text in enumerate(REWRITES)}
    excess, covariance = np.zeros(len(places)), np.zeros((len(places), len(places)))
    for one in screens:
        shown = np.zeros(len(places))
        shown[[places[card.text] for card in one.candidates]] = 1
        excess += np.eye(len(places))[places[single(one).text]] - shown / 3
        covariance += np.diag(shown) / 3 - np.outer(shown, shown) / 9
    freedom = len(places) - 1
    return float((excess @ np.linalg.pinv(covariance, rcond=1e-9) @ excess - freedom) / (2 * freedom) ** 0.5)


def is_half(number: int, of: int) -> bool:
    """Return whether heads of a fair coin may come up so often: within three standard deviations."""
    return abs(number - of / 2) < 3 * math.sqrt(of / 4)


@pytest.mark.long
@pytest.mark.parametrize("with_head", [True, False])
def test_of_equal_versions_no_card_tells_whose_it_is(
    versions: tuple[Drawing, Drawing], head: Head, read_once: None, with_head: bool
) -> None:
    """Not even where one finds all that it writes likelier than the other finds its own."""
    made = [mixed(TEXT, *versions, Sampling(), head if with_head else None) for _ in range(SCREENS)]
    screens = [one for one in made if one is not None]
    assert len(screens) > 0.9 * SCREENS
    assert abs(told_apart(screens)) < 3
    assert is_half(sum(single(one).version == 1 for one in screens), len(screens))
    for place in range(3):
        assert is_half(sum(one.candidates[place].version == 1 for one in screens), len(screens))


@pytest.mark.long
def test_pools_that_shared_nothing_would_tell(versions: tuple[Drawing, Drawing], head: Head, read_once: None) -> None:
    """As if the samples of the version with two cards were told apart first and parted then."""
    for one in versions:
        one.writes(REWRITES, WEIGHTS, unlike=True)
    screens = [one for one in (mixed(TEXT, *versions, Sampling(), head) for _ in range(SCREENS)) if one is not None]
    assert told_apart(screens) > 6


def test_of_two_cards_each_version_writes_one(versions: tuple[Drawing, Drawing], head: Head) -> None:
    for by in (head, None):
        found = mixed(TEXT, *versions, Sampling(), by, wanted=2)
        assert found is not None
        assert sorted(card.version for card in found.candidates) == [1, 2]
        assert len({card.text for card in found.candidates}) == 2


def test_two_cards_are_of_one_version_and_one_of_the_other(versions: tuple[Drawing, Drawing], head: Head) -> None:
    for _ in range(6):
        found = screen(*versions, head)
        assert sorted(Counter(card.version for card in found.candidates).values()) == [1, 2]
        assert len({wording(card.text) for card in found.candidates}) == 3
        assert (found.exhausted, found.pool) == (False, ())
        assert sorted(card.probability for card in found.candidates)[1:] == [1.0, 1.0]
        assert 0 < min(card.probability for card in found.candidates) <= 1


@pytest.mark.parametrize("with_head", [True, False])
def test_all_pools_are_of_one_size_and_as_warm_as_an_ordinary_screen(
    versions: tuple[Drawing, Drawing], head: Head, with_head: bool
) -> None:
    by = head if with_head else None
    found = screen(*versions, by, sampling=Sampling(0.6, 0.9, 5))
    one, other = (version.asked for version in versions)
    assert sorted(draw.sets for draw in (*one, *other)) == [1, 2]
    assert {draw.count for draw in (*one, *other)} == {SAMPLES} == {6}
    versions[0].asked.clear()
    versions[0].generate(TEXT, Sampling(0.6, 0.9, 5), head=by)
    ordinary = versions[0].asked[0]
    assert {(draw.temperature, draw.sampling, draw.forbidden) for draw in (*one, *other)} == {
        (ordinary.temperature, ordinary.sampling, ordinary.forbidden)
    }
    assert found.sampling["rounds"] == [{"samples": 6, "temperature": ordinary.temperature}]
    assert found.sampling["mixed"] == [
        {"version": version.version, "seed": version.seed, "draw": 2, "calls": [(1, 0)]} for version in versions
    ]


def test_the_last_of_the_cards_explores_and_says_how_probable_it_was(
    versions: tuple[Drawing, Drawing], head: Head
) -> None:
    found = [screen(*versions, head) for _ in range(6)]
    assert min(card.probability for one in found for card in one.candidates) < 1
    for one in (screen(*versions) for _ in range(3)):
        assert [card.probability for card in one.candidates] == [1.0] * 3, "without a head quality decides"


def test_a_screen_tells_its_seed_and_how_long_it_took(versions: tuple[Drawing, Drawing], head: Head) -> None:
    began = time.perf_counter()
    found = screen(*versions, head)
    took = 1000 * (time.perf_counter() - began)
    assert took / 2 < found.milliseconds < took
    assert found.seed == versions[0].seed == 1


def test_while_a_pool_has_nothing_to_show_all_are_drawn_once_more_and_wider(
    versions: tuple[Drawing, Drawing], head: Head
) -> None:
    versions[1].writes([TEXT])
    assert mixed(TEXT, *versions, Sampling(), head) is None
    assert [draw.temperature for draw in versions[1].asked] == pytest.approx([0.9 * 7 / 6, 0.9 * 1.6])
    asked = len(versions[0].asked)
    assert asked == (1 if versions[1].asked[0].sets == 2 else 2), (
        "the version of two cards draws first, and has nothing"
    )
    assert [draw.temperature for draw in versions[0].asked] == pytest.approx([0.9 * 7 / 6, 0.9 * 1.6][:asked])


def test_nothing_more_is_drawn_once_the_two_cards_of_a_version_cannot_differ(
    versions: tuple[Drawing, Drawing], head: Head
) -> None:
    copying, other = versions
    other.writes([POLITE, *REWRITES])
    tossed = Counter[int]()
    for _ in range(12):
        copying.writes([POLITE])
        other.asked.clear()
        found = mixed(POLITE, *versions, Sampling(), head)
        sets = copying.asked[0].sets
        tossed[sets] += 1
        assert (found is None, len(other.asked)) == ((True, 0) if sets == 2 else (False, 1))
    assert set(tossed) == {1, 2}


@pytest.mark.parametrize("text", [TEXT, POLITE])
def test_what_is_given_up_early_would_have_been_no_screen_in_any_case(
    versions: tuple[Drawing, Drawing], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    real, given_up = mixing._too_alike, []

    def noticed(*asked: Any, last: bool) -> bool:
        given_up.append(real(*asked, last=last))
        return False

    monkeypatch.setattr(mixing, "_too_alike", noticed)
    seen = set()
    for number in range(40):
        for version in versions:
            version.writes([text, *REWRITES[: 1 + number % 3]], [9, *[1] * (1 + number % 3)])
        given_up.clear()
        found = mixed(text, *versions, Sampling())
        assert found is None or not any(given_up)
        seen.add((found is None, any(given_up)))
    assert (True, True) in seen
    assert (False, False) in seen


def test_the_serving_version_reads_all_cards_and_the_other_none(
    published: CheckpointStore, head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (
        Drawing(published.folder(number) / SERVING_FOLDER, number, threads=1).writes(REWRITES) for number in (1, 2)
    )
    monkeypatch.delattr(two._engine, "_scores")
    found = screen(one, two, head)
    texts = [card.text for card in found.candidates]
    read = [card.log_probability for card in found.candidates]
    assert read == pytest.approx(one.log_probabilities([TEXT] * 3, texts), abs=1e-3)
    rows = np.array([card.features for card in found.candidates])
    assert rows == pytest.approx(one.features(TEXT, texts), abs=1e-3)


@pytest.mark.parametrize("texts", [[TEXT], ["you are wrong", "You are wrong!", "you are WRONG"], REWRITES[:2], []])
@pytest.mark.parametrize("with_head", [True, False])
def test_what_cannot_fill_three_different_cards_is_no_screen(
    versions: tuple[Drawing, Drawing], head: Head, texts: list[str], with_head: bool
) -> None:
    for version in versions:
        version.writes(texts)
    assert mixed(TEXT, *versions, Sampling(), head if with_head else None) is None


def test_a_rude_text_is_never_a_card_and_a_polite_one_may_be(versions: tuple[Drawing, Drawing], head: Head) -> None:
    for version in versions:
        version.writes([TEXT, *REWRITES[:4]])
    assert TEXT not in {card.text for _ in range(5) for card in screen(*versions, head).candidates}
    for version in versions:
        version.writes([POLITE, "thanks for your help", "thank you for the help"])
    shown = {card.text for card in screen(*versions, head, POLITE).candidates}
    assert shown == {POLITE, "thanks for your help", "thank you for the help"}


@pytest.mark.parametrize("text", ["!!!", "Привет, как дела?", "😀 . ! \n" * 20])
def test_what_no_version_can_rewrite_is_no_screen(versions: tuple[Drawing, Drawing], text: str) -> None:
    assert mixed(text, *versions, Sampling()) is None
    assert versions[0].asked == versions[1].asked == []


def test_a_version_is_not_mixed_with_itself(versions: tuple[Drawing, Drawing]) -> None:
    assert mixed(TEXT, versions[0], versions[0], Sampling()) is None


def test_every_rude_sentence_of_a_card_is_by_the_version_of_the_card(
    versions: tuple[Drawing, Drawing], head: Head
) -> None:
    versions[0].writes(REWRITES[:5])
    versions[1].writes(REWRITES[5:])
    text = f"{LONG}\n\n{TEXT}! {LONG} Shut up, you moron!\n{LONG}"
    found = screen(*versions, head, text)
    assert len({card.text for card in found.candidates}) == 3
    for card in found.candidates:
        first, second = card.text.removeprefix(f"{LONG}\n\n").removesuffix(f"\n{LONG}").split(f" {LONG} ")
        assert {first, second} <= set(versions[card.version - 1].texts)
    assert all(0 < card.probability <= 1 for card in found.candidates)
    rows = np.array([card.features for card in found.candidates])
    assert rows == pytest.approx(versions[0].features(text, [card.text for card in found.candidates]), abs=1e-3)


def test_sentences_that_can_be_put_in_one_way_only_leave_it_to_the_others_to_differ(
    versions: tuple[Drawing, Drawing],
) -> None:
    for version in versions:
        version.writes(["please stop"])
    assert mixed(f"{LONG} {TEXT}! Shut up, you moron! {LONG}", *versions, Sampling()) is None
    polite = f"{LONG} It was a little late. {LONG}"
    for version in versions:
        version.writes(REWRITES)
    assert len(screen(*versions, text=polite).candidates) == 3


def test_texts_that_the_versions_read_in_different_pieces_are_not_mixed(
    versions: tuple[Drawing, Drawing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions[1], "cut", lambda text: Cut(text, (("", text, " "),), frozenset({0})))
    assert mixed(TEXT, *versions, Sampling()) is None
    assert mixed(TEXT, versions[1], versions[0], Sampling()) is None


def test_a_text_that_only_the_other_version_cannot_read_is_no_screen_and_one_that_neither_can_is_refused(
    versions: tuple[Drawing, Drawing], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputTooLong):
        mixed(" ".join(["you"] * MAX_SOURCE_TOKENS), *versions, Sampling())

    def too_long(text: str) -> tuple[str, ...]:
        raise InputTooLong("The text has 513 tokens.")

    monkeypatch.setattr(versions[1], "tokens", too_long)
    assert mixed(TEXT, *versions, Sampling()) is None


def test_a_screen_that_nobody_waits_for_ends_before_the_next_draw(versions: tuple[Drawing, Drawing]) -> None:
    def asked() -> int:
        return sum(len(version.asked) for version in versions)

    text = f"{LONG} {TEXT}! {LONG} Shut up, you moron!"
    for most in range(4):
        for version in versions:
            version.asked.clear()
        with pytest.raises(NoLongerWanted):
            mixed(text, *versions, Sampling(), gone=lambda most=most: asked() == most)  # type: ignore[misc]
        assert asked() == most
    assert len(screen(*versions).candidates) == 3, "it goes on with others"


def test_the_same_seeds_and_draws_give_the_same_screens(published: CheckpointStore, head: Head) -> None:
    def made() -> list[MixedScreen]:
        one, other = (Generator(published.folder(n) / SERVING_FOLDER, n, threads=1, seed=n) for n in (1, 2))
        found = [mixed("good morning to you", one, other, Sampling(), head) for _ in range(3)]
        return [screen for screen in found if screen is not None]

    first, again = ([[(card.text, card.version) for card in one.candidates] for one in made()] for _ in range(2))
    assert first == again != []


@pytest.mark.long
def test_the_shipped_checkpoint_mixed_with_itself(tmp_path: Path, head: Head) -> None:
    from worker.publish.convert import convert_to_ctranslate2

    convert_to_ctranslate2(EMBEDDED_BASE_MODEL, tmp_path / "serving")
    one, other = (Generator(tmp_path / "serving", number, threads=1, seed=number) for number in (1, 2))
    texts = ("You are a stupid idiot.", "Shut the hell up, nobody asked you.", "What a load of crap this article is.")
    screens = [mixed(text, one, other, Sampling(), head) for text in texts for _ in range(4)]
    found = [screen for screen in screens if screen is not None]
    assert len(found) >= 10
    for screen in found:
        assert len({wording(card.text) for card in screen.candidates}) == 3
        assert sorted(Counter(card.version for card in screen.candidates).values()) == [1, 2]
        assert all(choosing.neutrality()([card.text])[0] > 0.5 for card in screen.candidates)
        assert all(-40 < card.log_probability < 0 for card in screen.candidates)
    assert {Counter(card.version for card in screen.candidates)[1] for screen in found} == {1, 2}
