"""One loaded version: text → distinct candidates with the log-probabilities that the model itself gives them."""

from __future__ import annotations

import math
import shutil
import threading
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from models.model_errors import InputTooLong, LoadError, NoLongerWanted
from models.serving import choosing
from models.serving.engine import MAX_SOURCE_TOKENS, Draw, Drawn, Sampling
from models.serving.generator import CANDIDATES, COMPUTE_TYPE, Generator, wording
from models.store.store import MODEL_FOLDER, SERVING_FOLDER, CheckpointStore

TEXT = "you are a stupid idiot"
LONG = " ".join(["I have lived in this quiet town for thirty years and I like it."] * 3)


def load(
    published: CheckpointStore, number: int = 1, seed: int | None = None, compute_type: str = COMPUTE_TYPE
) -> Generator:
    return Generator(published.folder(number) / SERVING_FOLDER, number, threads=1, seed=seed, compute_type=compute_type)


@pytest.fixture(scope="module")
def generator(published: CheckpointStore) -> Generator:
    return load(published)


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


def test_the_best_of_a_long_text_is_found_piece_by_piece(generator: Generator) -> None:
    assert generator.best(f"{LONG} {TEXT}! {LONG}") == f"{LONG} {generator.best(TEXT + '!')} {LONG}"


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
    from worker.training.shared.checkpoint import load_model, load_tokenizer
    from worker.training.t5.scoring import sequence_log_probs

    model, tokenizer = (
        load_model(published.folder(1) / MODEL_FOLDER),
        load_tokenizer(published.folder(1) / MODEL_FOLDER),
    )
    prompts = [TEXT, "naïve 🤬", "stop"]
    completions = ["you are wrong", "i disagree 👍", ""]
    expected = sequence_log_probs(model, tokenizer, prompts, completions)
    exact = load(published, compute_type="float32")
    assert exact.log_probabilities(prompts, completions) == pytest.approx(expected, abs=1e-3)
    # In 8 bits: 0.02 on a processor with instructions for them, 0.033 on one with AVX2 alone.
    assert load(published).log_probabilities(prompts, completions) == pytest.approx(expected, rel=0.05)
    assert all(score < -1 for score in expected)
    assert exact.log_probabilities([], []) == []


def test_each_candidate_carries_the_log_probability_that_it_was_sampled_with(
    published: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = load(published, seed=5)
    drawn: dict[str, float] = {}
    draw = generator._draw

    def noted(wanted: Draw) -> Drawn:
        found = draw(wanted)
        drawn.update({sample.text: sample.log_probability for sample in found.samples})
        return found

    monkeypatch.setattr(generator, "_draw", noted)
    monkeypatch.setattr(generator, "log_probabilities", lambda prompts, completions: [1 / 0 for _ in prompts])
    for candidate in generator.generate(TEXT, Sampling()).candidates:
        assert candidate.log_probability == pytest.approx(drawn[candidate.text])
        assert candidate.log_probability < 0


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


def test_a_draw_that_nobody_waits_for_ends_before_the_next_piece_of_the_text(
    published: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = load(published)
    drawn: list[object] = []
    draw = drawing._draw

    def counted(one: Draw) -> Drawn:
        drawn.append(one)
        return draw(one)

    monkeypatch.setattr(drawing, "_draw", counted)
    text = " ".join(f"You are a stupid idiot, number {number}." for number in range(20))
    drawing.generate(text, Sampling())
    whole = len(drawn)
    assert whole >= 20
    drawn.clear()
    with pytest.raises(NoLongerWanted):
        drawing.generate(text, Sampling(), gone=lambda: len(drawn) == 5)
    assert len(drawn) == 5
    assert texts(drawing), "it goes on with others"
