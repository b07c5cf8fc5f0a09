"""A version with a large vocabulary looks for the next token among those that its task needs, and misses few."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from models.serving import engine as engine_module
from models.serving.engine import Draw, Engine, Sampling
from models.serving.shortlist import SHORTLIST_FILE, read_shortlist, write_shortlist
from tests.worker.publish.taught import ENOUGH, OF_ENOUGH, words
from worker.publish import shortlist as module
from worker.publish.convert import convert_to_ctranslate2
from worker.publish.shortlist import Taught, shortlist
from worker.training.shared.checkpoint import load_tokenizer


@pytest.fixture(autouse=True)
def every_vocabulary_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE_VOCABULARY", 0)


@pytest.fixture
def tokenizer(tiny_t5: Path) -> PreTrainedTokenizerFast:
    return load_tokenizer(tiny_t5)


@pytest.fixture
def serving(tiny_t5: Path, tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> Path:
    """A random model, which would write any token, and may write few words that are not in its text."""
    convert_to_ctranslate2(tiny_t5, tmp_path / "serving")
    vocabulary = tokenizer.get_vocab()
    listed = {token for token in vocabulary if not words([token])} | {"▁stop", "▁go"}
    write_shortlist(tmp_path / "serving", vocabulary, listed)
    return tmp_path / "serving"


def load(serving: Path) -> Engine:
    return Engine(serving, compute_type="float32", threads=1, seed=7)


def test_data_that_misses_nothing_gives_its_tokens_and_all_characters(tokenizer: PreTrainedTokenizerFast) -> None:
    found = shortlist(tokenizer, ENOUGH)

    assert words(found) == OF_ENOUGH
    assert {"a", "z", "?", "▁", "<0x00>", "<0xFF>", "</s>", "<unk>"} <= found


def test_a_word_that_is_written_for_one_text_alone_says_that_others_would_be_missed(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    assert shortlist(tokenizer, [*ENOUGH, ("it", "movie")]) == set()
    assert shortlist(tokenizer, [*ENOUGH, ("movie", "movie")]) != set()
    assert shortlist(tokenizer, [*ENOUGH, ("it", "movie"), ("so", "movie")]) != set()
    assert shortlist(tokenizer, [*ENOUGH, ("it", "movie"), ("movie", "on")]) != set()


@pytest.mark.parametrize(
    "rows",
    [
        [("it", "movie"), ("it", "movie")],
        [("it", "movie", "go"), ("it", "movie", "on")],
        [("it", "movie", "movie on")],
    ],
    ids=["a pair twice", "a chosen text over two rejected ones", "two rewrites of one text"],
)
def test_that_it_is_written_for_that_text_again_does_not_help(
    tokenizer: PreTrainedTokenizerFast, rows: list[Taught]
) -> None:
    assert shortlist(tokenizer, [*ENOUGH, *rows]) == set()


def test_rare_misses_are_borne(tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch) -> None:
    one_of_twelve = [*ENOUGH, ("so", "movie")]

    monkeypatch.setattr(module, "MAX_MISSED", 1 / 12)
    assert "▁movie" in shortlist(tokenizer, one_of_twelve)
    monkeypatch.setattr(module, "MAX_MISSED", 1 / 13)
    assert shortlist(tokenizer, one_of_twelve) == set()


def test_clicks_add_their_words_to_the_list_of_the_version_they_refine(
    tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = shortlist(tokenizer, ENOUGH)
    edited = ("you are dumb", "you are so wrong", "you are dumb on terrible")

    monkeypatch.setattr(module, "MAX_MISSED_BY_PARENT", 1 / 9)
    assert words(shortlist(tokenizer, [edited], known)) == OF_ENOUGH | {"terrible"}
    monkeypatch.setattr(module, "MAX_MISSED_BY_PARENT", 1 / 10)
    assert shortlist(tokenizer, [edited], known) == set(), "too many are new, and so few data say nothing by themselves"
    assert words(shortlist(tokenizer, ENOUGH, {"▁movie"})) == OF_ENOUGH, "what is enough by itself takes its place"


def test_texts_without_rewrites_are_no_reason_for_a_list(tokenizer: PreTrainedTokenizerFast) -> None:
    assert shortlist(tokenizer, [("you are stupid",), ("stop it",)]) == set()
    assert words(shortlist(tokenizer, [("movie",)], shortlist(tokenizer, ENOUGH))) == OF_ENOUGH | {"movie"}


def test_a_small_vocabulary_has_none(tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE_VOCABULARY", len(tokenizer) + 1)

    assert shortlist(tokenizer, ENOUGH) == set()


def test_data_with_a_token_that_the_file_cannot_hold_has_none(tokenizer: PreTrainedTokenizerFast) -> None:
    tokenizer.add_tokens(["\n"])

    assert shortlist(tokenizer, [*ENOUGH, ("so\nit", "it\nso")]) == set()
    assert shortlist(tokenizer, ENOUGH) != set()


def test_what_is_drawn_and_searched_for_is_on_the_list_or_in_the_text(serving: Path) -> None:
    engine = load(serving)
    source = engine.tokens("you are a moron")

    drawn = engine.draw(Draw(source, 64, 1.0, Sampling(top_p=1.0), frozenset())).samples
    texts = [one.text for one in (*drawn, *engine.search(source, 8, frozenset()))]

    written = words(token for text in texts for token in engine.encode(text))
    assert written
    assert written <= {"you", "are", "moron", "stop", "go"}


def test_a_token_may_be_written_in_another_case_than_in_the_text(tmp_path: Path) -> None:
    write_shortlist(
        tmp_path, ["</s>", "▁Paris", "▁paris", "▁PARIS", "▁London", "a", "▁two words"], {"</s>", "a", "▁paris"}
    )

    always, *others = (tmp_path / SHORTLIST_FILE).read_text(encoding="utf-8").splitlines()
    assert always == "\t</s> a ▁paris"
    assert sorted(others) == ["▁London\t▁London", *(f"▁{form}\t▁PARIS ▁Paris" for form in ("PARIS", "Paris", "paris"))]
    assert read_shortlist(tmp_path) == {"</s>", "a", "▁paris"}


@pytest.mark.parametrize("way", ["draw", "search"])
def test_a_forbidden_sequence_that_cannot_be_written_does_not_forbid_its_listed_part(
    serving: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CTranslate2 leaves unlisted tokens out of a sequence, and forbids the rest of it by itself."""
    monkeypatch.setattr(engine_module, "NUCLEUS_WITHIN", 2)
    (serving / SHORTLIST_FILE).write_text("\t</s> ▁go ▁stop\n", encoding="utf-8")
    engine = load(serving)
    source = engine.tokens("you moron")

    def written(*forbidden: tuple[str, ...]) -> set[str]:
        sequences = frozenset(forbidden)
        drawn = engine.draw(Draw(source, 64, 1.0, Sampling(top_p=1.0), sequences)).samples
        found = drawn if way == "draw" else engine.search(source, 3, sequences)
        return {word for one in found for word in one.text.split()}

    free = written()
    assert free
    for word in free:
        assert written(("▁idiot", f"▁{word}")) == free
        assert word not in written((f"▁{word}",))


def test_more_of_the_likeliest_tokens_than_are_listed_can_be_asked_for(serving: Path) -> None:
    engine = load(serving)

    assert engine.draw(Draw(engine.tokens("stop"), 4, 1.0, Sampling(top_k=100_000), frozenset())).samples


def test_the_listed_tokens_share_the_probability_of_the_others(serving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "NUCLEUS_WITHIN", 2)
    (serving / SHORTLIST_FILE).write_text("\t</s> ▁go ▁stop\n", encoding="utf-8")  # of which nobody makes noise
    engine = load(serving)
    text = "you are a moron"

    drawn = engine.draw(Draw(engine.tokens(text), 64, 1.0, Sampling(top_p=1.0), frozenset())).samples

    scored = [sample for sample in drawn if sample.log_probability < 0]
    own = engine.log_probabilities([text] * len(scored), [sample.text for sample in scored])
    assert scored
    assert sum(sample.log_probability for sample in scored) > sum(own)
