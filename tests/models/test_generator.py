"""One loaded version: text → distinct candidates with the log-probabilities that the model itself gives them."""

from __future__ import annotations

import math
import shutil
import threading
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from models import choosing
from models.engine import MAX_SOURCE_TOKENS, Draw, Drawn, Sample, Sampling, Tokens
from models.errors import InputTooLong, LoadError
from models.generator import CANDIDATES, COMPUTE_TYPE, Generator, wording
from models.store import MODEL_FOLDER, SERVING_FOLDER, CheckpointStore

TEXT = "you are a stupid idiot"


def load(
    published: CheckpointStore, number: int = 1, seed: int | None = None, compute_type: str = COMPUTE_TYPE
) -> Generator:
    return Generator(published.folder(number) / SERVING_FOLDER, number, threads=1, seed=seed, compute_type=compute_type)


@pytest.fixture(scope="module")
def generator(published: CheckpointStore) -> Generator:
    return load(published)


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
        samples = tuple(Sample(text, 0.0, exact=False) for text in self.rounds.pop(0))
        return Drawn(samples, call=len(self.asked), place=0)

    def _found(self, source: Tokens, beam_size: int, forbidden: frozenset[Tokens]) -> tuple[Sample, ...]:
        if not hasattr(self, "rounds"):
            return super()._found(source, beam_size, forbidden)
        self.searched.append(forbidden)
        return tuple(Sample(text, 0.0, exact=False) for text in self.found)


@pytest.fixture
def scripted(published: CheckpointStore) -> Scripted:
    return Scripted(published.folder(1) / SERVING_FOLDER, 1, threads=1)


def texts(generator: Generator, text: str = TEXT) -> list[str]:
    return [candidate.text for candidate in generator.generate(text, Sampling()).candidates]


def test_three_rewrites_differ_in_wording_from_each_other_and_from_the_text(generator: Generator) -> None:
    for _ in range(5):
        screen = generator.generate(TEXT, Sampling())
        wordings = [wording(candidate.text) for candidate in screen.candidates]
        assert len(set(wordings)) == CANDIDATES == 3
        assert wording(TEXT) not in wordings
        assert not screen.exhausted


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("You are wrong.", "you are WRONG"),
        ("you, are: wrong!", "you  are wrong"),
        ("ﬁne", "fine"),
        ("２ words", "2 words"),
        ("straße", "STRASSE"),
    ],
)
def test_case_punctuation_and_spacing_do_not_make_another_wording(one: str, other: str) -> None:
    assert wording(one) == wording(other)


def test_a_wording_is_made_of_letters_and_digits_of_any_script() -> None:
    for code in range(0x30000):
        sign = chr(code)
        folded = unicodedata.normalize("NFKC", sign).casefold()
        words = "".join(character if character.isalnum() else " " for character in folded).split()
        assert wording(sign) == (" ".join(words) or folded.strip())


@pytest.mark.parametrize(
    ("one", "other"), [("you are wrong", "you are wrong now"), ("!", "?"), ("👍", "👎"), ("a", "b")]
)
def test_words_and_signs_alone_do(one: str, other: str) -> None:
    assert wording(one) != wording(other)


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
    assert without < and_without == scripted._forms(["evil"])


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


LONG = " ".join(["I have lived in this quiet town for thirty years and I like it."] * 3)


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


def test_the_best_of_a_long_text_is_found_piece_by_piece(generator: Generator) -> None:
    assert generator.best(f"{LONG} {TEXT}! {LONG}") == f"{LONG} {generator.best(TEXT + '!')} {LONG}"


def test_a_model_that_says_nothing_yields_an_empty_screen(scripted: Scripted) -> None:
    scripted.script([], [], [])
    screen = scripted.generate(TEXT, Sampling())
    assert (screen.candidates, screen.exhausted) == ((), True)


def test_no_rewrite_repeats_a_rude_word(published: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = load(published, seed=3)

    def written() -> Counter[str]:
        drawn = [texts(generator) for _ in range(8)]
        return Counter(word for rewrites in drawn for rewrite in rewrites for word in rewrite.lower().split())

    before = written()
    word = max((word for word in before if word.isascii() and word.isalpha()), key=before.__getitem__)
    assert before[word] > 1
    monkeypatch.setattr(choosing, "rude_words", lambda text: [word])

    assert written()[word] == 0
    assert word not in generator.best(TEXT).lower().split()


def test_drawing_greedily_finds_one_rewrite_however_often_and_a_search_finds_others(generator: Generator) -> None:
    screen = generator.generate(TEXT, Sampling(top_k=1))
    assert len(screen.candidates) > 1
    assert generator.best(TEXT, beam_size=1) in {candidate.text for candidate in screen.candidates}


def test_the_same_seed_and_the_same_draws_give_the_same_candidates(published: CheckpointStore) -> None:
    one, two, other = (load(published, seed=seed) for seed in (7, 7, 8))
    draws = [[texts(generator) for _ in range(3)] for generator in (one, two, other)]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]
    assert draws[0][0] != draws[0][1], "each draw goes on where the last one ended"


def test_a_screen_tells_its_seed_and_the_number_of_its_draw(published: CheckpointStore) -> None:
    generator = load(published, seed=7)
    screens = [generator.generate(TEXT, Sampling()) for _ in range(2)]
    assert [screen.seed for screen in screens] == [7, 7]
    assert [screen.sampling["draw"] for screen in screens] == [2, 3], "the first is the warm-up"


def test_without_a_seed_two_generators_draw_differently(published: CheckpointStore) -> None:
    one, two = load(published), load(published)
    assert one.seed != two.seed
    assert texts(one) != texts(two)


def test_log_probabilities_are_those_of_transformers(published: CheckpointStore) -> None:
    from worker.training.checkpoint import load_model, load_tokenizer
    from worker.training.scoring import sequence_log_probs

    model, tokenizer = (
        load_model(published.folder(1) / MODEL_FOLDER),
        load_tokenizer(published.folder(1) / MODEL_FOLDER),
    )
    prompts = [TEXT, "naïve 🤬", "stop"]
    completions = ["you are wrong", "i disagree 👍", ""]
    expected = sequence_log_probs(model, tokenizer, prompts, completions)
    exact = load(published, compute_type="float32")
    assert exact.log_probabilities(prompts, completions) == pytest.approx(expected, abs=1e-3)
    assert load(published).log_probabilities(prompts, completions) == pytest.approx(expected, rel=0.02)
    assert all(score < -1 for score in expected)
    assert exact.log_probabilities([], []) == []


def test_each_candidate_carries_its_own_log_probability(generator: Generator) -> None:
    screen = generator.generate(TEXT, Sampling())
    alone = [generator.log_probabilities([TEXT], [candidate.text])[0] for candidate in screen.candidates]
    assert [candidate.log_probability for candidate in screen.candidates] == pytest.approx(alone, abs=1e-3)
    assert len(set(alone)) == 3


def test_a_text_that_fills_the_model_is_read_and_one_token_more_is_not(generator: Generator) -> None:
    fits = " ".join(["you"] * (MAX_SOURCE_TOKENS - 1))
    assert len(generator.tokens(fits)) == MAX_SOURCE_TOKENS
    with pytest.raises(InputTooLong) as refusal:
        generator.generate(f"{fits} you", Sampling())
    assert str(refusal.value) == "The text has 513 tokens and the model reads 512: shorten it a little."


def test_the_end_of_sequence_is_written_once_whatever_the_text_says(generator: Generator) -> None:
    for text in ("you </s> idiot", "</s></s>", "<pad>you</s>"):
        assert generator.tokens(text).count("</s>") == 1
        assert generator.tokens(text)[-1] == "</s>"
        assert "<pad>" not in generator.tokens(text)


def test_a_rewrite_that_the_model_could_not_read_back_is_not_shown(published: CheckpointStore) -> None:
    """Bytes that are no UTF-8 come back as three tokens each: the person's own text is not what is too long."""
    generator = load(published, seed=1)
    screen = generator.generate(" ".join(["you ,"] * 150), Sampling())
    assert len(screen.candidates) <= 3
    for candidate in screen.candidates:
        assert len(generator.tokens(candidate.text)) <= MAX_SOURCE_TOKENS
        assert math.isfinite(candidate.log_probability)


def test_many_threads_may_draw_and_score_at_once(generator: Generator) -> None:
    found: list[int] = []

    def work() -> None:
        screen = generator.generate("stop", Sampling())
        found.append(len(screen.candidates))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3] * 8


def test_two_versions_in_one_process_keep_their_own_weights(published: CheckpointStore) -> None:
    scores = [load(published, number).log_probabilities([TEXT], ["you are wrong"])[0] for number in (1, 2)]
    assert scores[0] != pytest.approx(scores[1], abs=1e-3)


@pytest.mark.parametrize("damage", ["model.bin", "tokenizer.json", "everything"])
def test_a_version_whose_files_are_no_model_cannot_be_loaded(
    published: CheckpointStore, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "serving"
    shutil.copytree(published.folder(1) / SERVING_FOLDER, folder)
    if damage == "everything":
        shutil.rmtree(folder)
    else:
        (folder / damage).write_bytes(b"no model")
    with pytest.raises(LoadError, match=r"^Version 3 cannot be loaded: "):
        Generator(folder, 3, threads=1)
