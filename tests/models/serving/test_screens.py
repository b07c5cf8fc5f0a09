"""Which of what a model drew and found makes a screen: different, neutral and whole, filled up where too few differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.reward.features import NAMED, SIZE
from models.reward.head import Head, fit
from models.reward.judgments import JudgedScreen
from models.serving import choosing
from models.serving.engine import Draw, Drawn, Sample, Sampling, Tokens
from models.serving.generator import Generator
from models.store.store import SERVING_FOLDER, CheckpointStore

TEXT = "you are a stupid idiot"
LIKELIHOOD = [one.name for one in NAMED].index("likelihood")
LONG = " ".join(["I have lived in this quiet town for thirty years and I like it."] * 3)


class Scripted(Generator):
    """A real model whose samples are given instead of drawn, round by round, and what it finds by searching, too."""

    def script(self, *rounds: list[str], found: Sequence[str] = ()) -> Scripted:
        self.rounds, self.found = list(rounds), found
        self.asked: list[tuple[int, float]] = []
        self.searched: list[frozenset[Tokens]] = []
        return self

    def _draw(self, draw: Draw) -> Drawn:
        if not hasattr(self, "rounds"):
            return super()._draw(draw)  # the warm-up
        self.asked.append((draw.count, draw.temperature))
        samples = tuple(Sample(text, -1.0) for text in self.rounds.pop(0))
        return Drawn((samples,), call=len(self.asked), place=0)

    def _found(self, source: Tokens, beam_size: int, forbidden: frozenset[Tokens]) -> tuple[Sample, ...]:
        if not hasattr(self, "rounds"):
            return super()._found(source, beam_size, forbidden)
        self.searched.append(forbidden)
        return tuple(Sample(text, -1.0) for text in self.found)


@pytest.fixture
def scripted(published: CheckpointStore) -> Scripted:
    return Scripted(published.folder(1) / SERVING_FOLDER, 1, threads=1)


@pytest.fixture(scope="module")
def head() -> Head:
    """Of somebody who likes long rewrites."""
    longer, shorter = np.eye(SIZE)[0], -np.eye(SIZE)[0]
    return fit([JudgedScreen([longer, shorter], (0,))] * 10, (0.5, 0.2, 0.1))


def test_of_rewrites_alike_the_first_is_kept_and_copies_of_the_text_are_dropped(scripted: Scripted) -> None:
    scripted.script([TEXT, "You are wrong.", "you are wrong", "YOU ARE A STUPID IDIOT!", "please stop", "no"])
    screen = scripted.generate(TEXT, Sampling(temperature=0.5))
    assert {candidate.text for candidate in screen.candidates} == {"You are wrong.", "please stop", "no"}
    assert not screen.exhausted
    assert scripted.asked == [(16, 0.5)]


def test_while_there_are_too_few_it_draws_more_and_wider(scripted: Scripted) -> None:
    scripted.script([TEXT], ["you are wrong"], ["please stop", "no"])
    screen = scripted.generate(TEXT, Sampling(temperature=1.0))
    assert {candidate.text for candidate in screen.candidates} == {"you are wrong", "please stop", "no"}
    assert scripted.asked == [(16, 1.0), (16, 1.25), (24, 1.6)]
    assert screen.sampling["rounds"] == [
        {"samples": 16, "temperature": 1.0},
        {"samples": 16, "temperature": 1.25},
        {"samples": 24, "temperature": 1.6},
    ]


def test_a_model_that_can_only_copy_shows_the_copy_and_says_that_it_is_exhausted(scripted: Scripted) -> None:
    scripted.script([TEXT], [TEXT.upper()], [TEXT])
    screen = scripted.generate(TEXT, Sampling())
    assert [candidate.text for candidate in screen.candidates] == [TEXT]
    assert screen.exhausted


def test_a_copy_of_a_rude_text_is_shown_only_to_fill_up(scripted: Scripted) -> None:
    scripted.script([TEXT, "you are wrong"], [], [])
    screen = scripted.generate(TEXT, Sampling())
    assert {candidate.text for candidate in screen.candidates} == {"you are wrong", TEXT}
    assert screen.exhausted


def test_a_polite_text_may_stay_as_it_is(scripted: Scripted) -> None:
    polite = "thank you for your help"
    scripted.script([polite, "thanks for your help", "thank you for the help", "you helped a lot", "thank you"])
    screen = scripted.generate(polite, Sampling())
    assert polite in {candidate.text for candidate in screen.candidates}
    assert not screen.exhausted
    assert scripted.searched == []


def test_beside_a_polite_text_left_as_it_is_the_likeliest_others_are_shown(scripted: Scripted) -> None:
    polite = "Yeah, Reagan was truly evil."
    scripted.script([polite], found=["Yeah, Reagan was really truly evil.", polite, "Yeah, Reagan was truly bad."])
    screen = scripted.generate(polite, Sampling())
    assert {candidate.text for candidate in screen.candidates} == {polite, *scripted.found}
    assert not screen.exhausted
    assert screen.sampling["rounds"] == [{"samples": 16, "temperature": 0.9}, {"beams": 8}]
    without, and_without = scripted.searched
    assert without < and_without == scripted._engine.forms(["evil"])


def test_a_search_fills_the_places_that_wider_draws_left_empty(scripted: Scripted) -> None:
    scripted.script([TEXT], ["you are wrong"], ["please stop"], found=["please stop", "no"])
    screen = scripted.generate(TEXT, Sampling())
    assert {candidate.text for candidate in screen.candidates} == {"you are wrong", "please stop", "no"}
    assert not screen.exhausted


def test_rude_rewrites_are_not_shown_while_there_are_others(scripted: Scripted) -> None:
    rude = ["you fucking moron", "what a piece of shit you are", "go to hell you asshole"]
    scripted.script([*rude, "you are wrong"], ["please stop"], ["that is not right"])
    screen = scripted.generate(TEXT, Sampling())
    assert {candidate.text for candidate in screen.candidates} == {"you are wrong", "please stop", "that is not right"}


def test_the_best_rewrite_is_not_always_on_the_same_card(scripted: Scripted) -> None:
    drawn = ["you are wrong", "you wrong wrong stop stop no", "no no no stop you wrong"]
    firsts = set()
    for _ in range(12):
        scripted.script(drawn)
        firsts.add(scripted.generate(TEXT, Sampling()).candidates[0].text)
    assert len(firsts) > 1


def test_of_a_long_text_the_rude_sentences_are_rewritten_and_the_others_stay(scripted: Scripted) -> None:
    scripted.script(["please stop", "no", "you are wrong"], ["that is not right", "wait", "I think not"])
    screen = scripted.generate(f"{LONG}\n\n{TEXT}! {LONG} Shut up, you moron!\n{LONG}", Sampling())
    assert len(scripted.asked) == 2
    assert not screen.exhausted
    assert len({candidate.text for candidate in screen.candidates}) == 3
    for candidate in screen.candidates:
        first, second = candidate.text.removeprefix(f"{LONG}\n\n").removesuffix(f"\n{LONG}").split(f" {LONG} ")
        assert first in {"please stop", "no", "you are wrong"}
        assert second in {"that is not right", "wait", "I think not"}


def test_of_a_long_polite_text_one_sentence_is_offered_in_other_words(scripted: Scripted) -> None:
    scripted.script(["please stop", "no", "you are wrong"])
    screen = scripted.generate(f"{LONG} It was a little late. {LONG}", Sampling())
    assert len(scripted.asked) == 1
    assert len(screen.candidates) == 3
    assert all(candidate.text.count("quiet town") in {5, 6} for candidate in screen.candidates)


def test_where_a_long_text_has_no_word_nothing_is_drawn(scripted: Scripted) -> None:
    text = "😀 . ! \n" * 20
    screen = scripted.script().generate(text, Sampling())
    assert [candidate.text.split() for candidate in screen.candidates] == [text.split()]


@pytest.mark.parametrize("text", ["!!!", "👍", "Привет, как дела?", "你好，你今天好吗？"])
def test_what_has_no_word_that_the_vocabulary_is_made_for_comes_back_alone(scripted: Scripted, text: str) -> None:
    screen = scripted.script().generate(text, Sampling())
    assert [candidate.text for candidate in screen.candidates] == [text]
    assert scripted.searched == []
    assert scripted.best(text) == text


@pytest.mark.parametrize("text", ["you 😂🤣🤬👩🏽‍🚀 idiot", "@Дмитрий you are an idiot"])
def test_words_are_rewritten_beside_what_the_vocabulary_is_not_made_for(scripted: Scripted, text: str) -> None:
    scripted.script(["please stop", "no", "you are wrong"])
    screen = scripted.generate(text, Sampling())
    assert {candidate.text for candidate in screen.candidates} == {"please stop", "no", "you are wrong"}


def test_of_sentences_that_are_all_polite_one_is_rewritten_that_can_be(scripted: Scripted) -> None:
    scripted.script(["Good day.", "Hello.", "Good morning, friend."])
    screen = scripted.generate("Good morning my friend. <br> Привет, как дела?", Sampling())
    assert {candidate.text for candidate in screen.candidates} == {
        f"{text} <br> Привет, как дела?" for text in ("Good day.", "Hello.", "Good morning, friend.")
    }


def test_a_broken_text_gives_way_to_a_whole_one_of_the_same_wording(scripted: Scripted) -> None:
    scripted.script(["please stop \N{REPLACEMENT CHARACTER}", "please stop 😂", "no", "you are wrong"])
    screen = scripted.generate(TEXT, Sampling())
    assert {candidate.text for candidate in screen.candidates} == {"please stop 😂", "no", "you are wrong"}


def test_a_search_that_finds_nothing_has_no_best(scripted: Scripted) -> None:
    assert scripted.script().best(TEXT) == ""
    assert scripted.best(f"{LONG} {TEXT}! {LONG}") == f"{LONG} {TEXT}! {LONG}"


def test_a_model_that_says_nothing_yields_an_empty_screen(scripted: Scripted) -> None:
    scripted.script([], [], [])
    screen = scripted.generate(TEXT, Sampling())
    assert (screen.candidates, screen.exhausted) == ((), True)


def test_with_a_head_more_is_drawn_at_once_and_wider(scripted: Scripted, head: Head) -> None:
    scripted.script(["you are wrong", "please stop", "no, that is not right", "I see it otherwise"])
    screen = scripted.generate(TEXT, Sampling(temperature=0.9), head=head)
    [(samples, temperature)] = scripted.asked
    assert samples == 24
    assert temperature == pytest.approx(1.05)
    assert len(screen.candidates) == 3
    assert len(screen.pool) == 4
    assert {candidate.text for candidate in screen.candidates} <= {option.text for option in screen.pool}
    assert sorted(candidate.probability for candidate in screen.candidates)[1:] == [1.0, 1.0]


def test_another_head_chooses_again_without_drawing(scripted: Scripted, head: Head) -> None:
    scripted.script(["you are wrong", "please stop", "no, that is not right", "I see it otherwise", "hm"])
    first = scripted.generate(TEXT, Sampling(), head=head)
    again = scripted.choose_again(TEXT, first, head)
    assert len(scripted.asked) == 1
    assert again.pool == first.pool
    assert {candidate.text for candidate in again.candidates} <= {option.text for option in first.pool}
    for candidate in again.candidates:
        assert candidate.log_probability == pytest.approx(-1.0)
    without = scripted.script(["you are wrong", "please stop", "no"]).generate(TEXT, Sampling())
    with pytest.raises(ValueError, match=r"^Nothing was kept to choose from\.$"):
        scripted.choose_again(TEXT, without, head)


def test_a_screen_without_a_head_is_what_it_always_was(scripted: Scripted) -> None:
    drawn = ["you are wrong", "please stop", "no, that is not right", "I see it otherwise", "I disagree"]
    screen = scripted.script(drawn).generate(TEXT, Sampling())
    rewrites = [choosing.Rewrite(text, -1.0 / scripted.length(text)) for text in drawn]
    expected = {drawn[place] for place in choosing.choose(TEXT, rewrites, 3)}
    assert {candidate.text for candidate in screen.candidates} == expected
    assert screen.pool == ()
    assert all(candidate.probability == 1.0 for candidate in screen.candidates)


def test_every_card_carries_its_features(scripted: Scripted) -> None:
    for text in (TEXT, LONG + " You are a stupid idiot."):
        scripted.script(["you are wrong", "please stop", "no, that is not right"])
        screen = scripted.generate(text, Sampling())
        assert screen.candidates
        shown = [candidate.text for candidate in screen.candidates]
        for candidate, row in zip(screen.candidates, scripted.features(text, shown), strict=True):
            but_likelihood = np.delete(candidate.features, LIKELIHOOD)  # which is that of its sampling
            assert but_likelihood == pytest.approx(np.delete(row, LIKELIHOOD), abs=0.3)
