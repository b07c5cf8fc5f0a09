"""A version with a large vocabulary looks for the next token among those that its task needs, and misses few."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from models import engine as engine_module
from models.engine import SHORTLIST_FILE, Draw, Engine, Sampling
from models.store import MODEL_FOLDER, SERVING_FOLDER
from worker import publish
from worker.training import shortlist as module
from worker.training.checkpoint import load_tokenizer
from worker.training.convert import convert_to_ctranslate2
from worker.training.shortlist import read_shortlist, shortlist, write_shortlist

KNOWN = [f"<0x{byte:02X}>" for byte in range(256)]
"""Enough tokens for any list."""

ENOUGH = [("you are stupid", "you are wrong")] * 3 + [("stop it", "please stop"), ("so dumb", "please go on")]


@pytest.fixture(autouse=True)
def every_vocabulary_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE", 0)


@pytest.fixture
def serving(tiny_t5: Path, tmp_path: Path) -> Path:
    """A random model, which would write any token, and may write few words that are not in its text."""
    convert_to_ctranslate2(tiny_t5, tmp_path / "serving")
    write_shortlist(tmp_path / "serving", load_tokenizer(tiny_t5), ["▁stop", "▁go"])
    return tmp_path / "serving"


def test_data_that_misses_nothing_gives_its_tokens(tiny_t5: Path) -> None:
    found = shortlist(load_tokenizer(tiny_t5), [*ENOUGH, ("it", "go on")], KNOWN)

    words = "you are stupid wrong stop it please so dumb go on"
    assert found == {*KNOWN, *(f"▁{word}" for word in words.split())}


def test_a_word_that_stands_once_and_not_in_its_own_text_says_that_others_would_be_missed(tiny_t5: Path) -> None:
    tokenizer = load_tokenizer(tiny_t5)
    surprise, copied = ("it", "the movie"), ("the movie", "the movie")

    assert shortlist(tokenizer, [*ENOUGH, surprise], KNOWN) is None
    assert shortlist(tokenizer, [*ENOUGH, ("so dumb", "go on"), copied], KNOWN) is not None
    assert shortlist(tokenizer, [*ENOUGH, surprise], [*KNOWN, *["▁the", "▁movie", "▁go", "▁on"]]) is not None


def test_rare_misses_are_borne(tiny_t5: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, data = load_tokenizer(tiny_t5), [*ENOUGH, ("it", "go on"), ("it", "movie")]  # one of 17 tokens

    monkeypatch.setattr(module, "RARELY", 1 / 17)
    assert shortlist(tokenizer, data, KNOWN) is not None
    monkeypatch.setattr(module, "RARELY", 1 / 18)
    assert shortlist(tokenizer, data, KNOWN) is None


def test_every_rewrite_of_a_text_counts_and_that_it_stands_in_two_does_not_help(tiny_t5: Path) -> None:
    tokenizer = load_tokenizer(tiny_t5)
    two = ("you are stupid", "you are", "you are wrong"), ("you are stupid", "you are wrong", "are you wrong")

    assert [shortlist(tokenizer, [row], KNOWN) for row in two] == [None, None]
    assert shortlist(tokenizer, two, KNOWN) == {*KNOWN, "▁you", "▁are", "▁stupid", "▁wrong"}


def test_a_small_vocabulary_and_few_tokens_have_none(tiny_t5: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = load_tokenizer(tiny_t5)

    assert shortlist(tokenizer, ENOUGH, ["▁on"]) is None
    monkeypatch.setattr(module, "LARGE", len(tokenizer) + 1)
    assert shortlist(tokenizer, [*ENOUGH, ("it", "go on")], KNOWN) is None


def test_what_is_drawn_and_searched_for_is_on_the_list_or_in_the_text(serving: Path) -> None:
    engine = Engine(serving, compute_type="float32", threads=1, seed=7)
    source = engine.tokens("you are a moron")
    may = read_shortlist(serving) | set(source)

    drawn = engine.draw(Draw(source, 64, 1.0, Sampling(top_p=1.0), frozenset())).samples
    texts = [*(one.text for one in drawn), *engine.search(source, 8, frozenset())]
    words = {token for text in texts for token in engine.encode(text) if len(token) > 2}

    assert {"▁stop", "▁go"} <= read_shortlist(serving)
    assert words & {"▁you", "▁moron", "▁stop", "▁go"}
    assert words <= may


def test_a_token_may_be_written_in_another_case_than_in_the_text(tmp_path: Path, tiny_t5: Path) -> None:
    class Cased:
        all_special_tokens = ("</s>",)

        def get_vocab(self) -> dict[str, int]:
            return dict.fromkeys(["</s>", "▁Paris", "▁paris", "▁PARIS", "▁London", "a", "▁two words"], 0)

    write_shortlist(tmp_path, Cased(), ["▁paris"])  # type: ignore[arg-type]

    always, *others = (tmp_path / SHORTLIST_FILE).read_text(encoding="utf-8").splitlines()
    assert always == "\t</s> a ▁paris"
    assert sorted(others) == ["▁London\t▁London", *(f"▁{form}\t▁PARIS ▁Paris" for form in ("PARIS", "Paris", "paris"))]


def test_a_probability_among_the_listed_tokens_is_not_taken_for_the_models_own(
    serving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "NUCLEUS_WITHIN", 2)
    (serving / SHORTLIST_FILE).write_text("\t</s> ▁stop ▁go\n", encoding="utf-8")  # of which nobody makes noise
    engine = Engine(serving, compute_type="float32", threads=1, seed=7)
    text = "you are a moron"

    drawn = engine.draw(Draw(engine.tokens(text), 64, 1.0, Sampling(top_p=1.0), frozenset())).samples

    scored = [sample for sample in drawn if sample.at_most < 0]
    own = engine.log_probabilities([text] * len(scored), [sample.text for sample in scored])
    assert scored
    assert all(sample.at_most > exact for sample, exact in zip(scored, own, strict=True))
    assert not any(sample.exact for sample in drawn)


def test_a_version_gets_its_own_list_and_hands_it_on(tiny_t5: Path, tmp_path: Path) -> None:
    parent, child = tmp_path / "parent", tmp_path / "child"
    for staged in (parent, child):
        shutil.copytree(tiny_t5, staged / MODEL_FOLDER)
    long = " ".join(sorted(load_tokenizer(tiny_t5).get_vocab()))  # of the texts here none has as many words as it takes
    publish.prepare(parent, [*ENOUGH, ("it", "go on"), (long, long)])
    few = [("you stupid idiot", "you are wrong", "you are bad")]

    publish.prepare(child, few, parent / SERVING_FOLDER)

    inherited = read_shortlist(parent / SERVING_FOLDER)
    assert {"▁you", "▁please"} <= inherited
    assert inherited <= read_shortlist(child / SERVING_FOLDER)


def test_few_data_leave_a_version_all_its_words(tiny_t5: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_t5, tmp_path / MODEL_FOLDER)

    publish.prepare(tmp_path, [("stop", "please go")])

    assert not (tmp_path / SERVING_FOLDER / SHORTLIST_FILE).exists()
    assert read_shortlist(tmp_path / SERVING_FOLDER) == set()
