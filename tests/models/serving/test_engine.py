"""The loaded model: what is drawn or scored beside others is what would be drawn or scored alone."""

from __future__ import annotations

import math
import threading
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import pytest
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace

from app.config import EMBEDDED_BASE_MODEL
from models.model_errors import InputTooLong
from models.serving.engine import Draw, Engine, Sample, Sampling, _borrowed
from models.serving.generator import Generator
from models.store.store import SERVING_FOLDER, CheckpointStore
from tests.processes import wait_for

TEXT = "you are a stupid idiot"
Result = TypeVar("Result")


@pytest.fixture
def engine(published: CheckpointStore) -> Engine:
    return Engine(published.folder(1) / SERVING_FOLDER, compute_type="float32", threads=1, seed=7)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The shipped model, which writes what it would read; the tiny one of other tests spells noise in bytes."""
    from worker.publish.convert import convert_to_ctranslate2

    folder = tmp_path_factory.mktemp("embedded") / "serving"
    convert_to_ctranslate2(EMBEDDED_BASE_MODEL, folder)
    return Engine(folder, compute_type="float32", threads=1, seed=7)


def draw(engine: Engine, text: str = TEXT, *forbidden: str, sampling: Sampling | None = None) -> Draw:
    rows = frozenset(engine.encode(word) for word in forbidden)
    return Draw(engine.tokens(text), 12, 0.9, sampling or Sampling(), rows)


def together(engine: Engine, *calls: Callable[[], Result]) -> list[Result]:
    """What the calls return when they come while another draw is under way, so that they wait side by side."""
    door, at_work = threading.Event(), threading.Event()
    draws: Any = engine._draws
    scores: Any = engine._scores

    def stop(work: Callable[[object], object]) -> Callable[[object], object]:
        def stopped(items: object) -> object:
            at_work.set()
            assert door.wait(30)
            return work(items)

        return stopped

    draws._work, scores._work = stop(draws._work), stop(scores._work)
    with ThreadPoolExecutor(len(calls) + 1) as pool:
        blockers = [pool.submit(calls[0])]
        assert at_work.wait(30)
        found = []
        for number, call in enumerate(calls, start=1):
            found.append(pool.submit(call))
            wait_for(lambda wanted=number: len(draws._waiting) + len(scores._waiting) == wanted)  # type: ignore[misc]
        door.set()
        blockers[0].result(30)
        return [future.result(30) for future in found]


def check_scores(engine: Engine, text: str, samples: Sequence[Sample]) -> None:
    """Their log-probabilities are the model's own, except of those few that are spelt in other tokens."""
    scored = engine.log_probabilities([text] * len(samples), [sample.text for sample in samples])
    right = [one.log_probability == pytest.approx(score, abs=1e-3) for one, score in zip(samples, scored, strict=True)]
    assert sum(right) > len(right) / 2


def test_what_is_unknown_to_a_vocabulary_without_bytes_is_not_spelt(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token that stands for what is unknown is called what it stands for, not <unk>."""
    tokenizer = Tokenizer(Unigram([("<unk>", 0.0), ("▁", -2.0), ("▁you", -1.0), ("na", -1.0), ("ve", -1.0)], unk_id=0))
    tokenizer.pre_tokenizer = Metaspace()
    monkeypatch.setattr(engine, "_tokenizer", tokenizer)
    monkeypatch.setattr(engine, "encode", lambda text: tokenizer.encode(text).tokens)
    assert {word: engine.spells(word) for word in ("you", "naïve", "привет")} == {
        "you": True,
        "naïve": True,
        "привет": False,
    }


def test_a_sample_knows_its_log_probability(embedded: Engine) -> None:
    check_scores(embedded, TEXT, embedded.draw(draw(embedded)).samples)
    check_scores(embedded, TEXT, embedded.search(embedded.tokens(TEXT), 8, frozenset()))


def test_a_sample_knows_its_log_probability_where_nothing_at_all_is_the_likeliest_rewrite(embedded: Engine) -> None:
    """Were the end ruled out as first token, all others would share its probability."""
    [nothing] = embedded.log_probabilities(["!"], [""])
    assert nothing > math.log(0.5)
    plain = Sampling(1.0, 1.0, 0)
    samples = embedded.draw(Draw(embedded.tokens("!"), 48, 1.0, plain, frozenset())).samples
    check_scores(embedded, "!", samples)
    check_scores(embedded, "!", embedded.search(embedded.tokens("!"), 8, frozenset()))
    assert all(sample.text for sample in samples)


@pytest.mark.parametrize("way", ["draw", "search"])
def test_where_words_are_forbidden_the_others_share_their_probability(embedded: Engine, way: str) -> None:
    wanted = draw(embedded, TEXT, "stupid", "idiot", "you", "You")
    searched = embedded.search(wanted.source, 8, wanted.forbidden)
    samples = embedded.draw(wanted).samples if way == "draw" else searched
    assert samples
    assert not any({"stupid", "idiot", "you", "You"} & set(sample.text.split()) for sample in samples)
    scored = embedded.log_probabilities([TEXT] * len(samples), [sample.text for sample in samples])
    assert all(sample.log_probability >= score - 1e-3 for sample, score in zip(samples, scored, strict=True))
    assert any(0 > sample.log_probability > score + 0.1 for sample, score in zip(samples, scored, strict=True))


def test_requests_that_wait_together_are_drawn_in_one_call(embedded: Engine) -> None:
    texts = ["please stop", TEXT, "this is a very bad plan, is it not?"]
    drawn = together(embedded, *(partial(embedded.draw, draw(embedded, text)) for text in texts))
    assert len({one.call for one in drawn}) == 1
    assert [one.place for one in drawn] == [0, 1, 2]
    for text, one in zip(texts, drawn, strict=True):
        check_scores(embedded, text, one.samples)


def test_sets_of_a_draw_come_in_one_call_and_know_nothing_of_each_other(embedded: Engine) -> None:
    found = embedded.draw(replace(draw(embedded), sets=3))
    assert len(found.sets) == 3
    assert embedded.draw(draw(embedded)).call == found.call + 1
    assert found.samples == found.sets[0]
    one, two, three = ({sample.text for sample in samples} for samples in found.sets)
    assert one & two & three, "what is likely comes in each of them"
    assert len({frozenset(one), frozenset(two), frozenset(three)}) == 3
    greedy = embedded.draw(replace(draw(embedded, sampling=Sampling(top_k=1)), sets=2))
    assert greedy.sets[0] == greedy.sets[1]


def test_sets_beside_other_requests_come_back_to_those_who_asked(embedded: Engine) -> None:
    two, one = replace(draw(embedded), sets=2), draw(embedded, "Good morning my friend.")
    first, second = together(embedded, lambda: embedded.draw(two), lambda: embedded.draw(one))
    assert first.call == second.call
    assert (len(first.sets), len(second.sets)) == (2, 1)
    assert not {sample.text for sample in first.sets[1]} & {sample.text for sample in second.samples}


def test_beside_a_longer_source_no_rewrite_grows_longer(engine: Engine) -> None:
    """The tiny model hardly ever ends by itself."""
    short, _ = together(
        engine, partial(engine.draw, draw(engine, "stop")), lambda: engine.draw(draw(engine, "you " * 60))
    )
    assert all(len(engine.tokens(sample.text)) <= 2 * 2 + 16 for sample in short.samples if "\ufffd" not in sample.text)
    assert all(len(sample.text) <= 10 * 20 for sample in short.samples)


def test_what_one_forbids_no_other_in_the_call_writes(engine: Engine) -> None:
    one, other = together(
        engine,
        partial(engine.draw, draw(engine, "stop it", "you")),
        partial(engine.draw, draw(engine, "a bad plan", "they")),
    )
    assert one.call == other.call
    for sample in (*one.samples, *other.samples):
        assert not {"you", "they"} & set(sample.text.split())


def test_a_text_that_keeps_a_word_is_never_drawn_beside_one_that_forbids_it(embedded: Engine) -> None:
    one, other = together(
        embedded,
        partial(embedded.draw, draw(embedded, "you stupid moron", "stupid", "moron")),
        partial(embedded.draw, draw(embedded, "that is a stupid plan")),
    )
    assert one.call != other.call
    check_scores(embedded, "that is a stupid plan", other.samples)


def test_other_settings_go_in_another_call(engine: Engine) -> None:
    drawn = together(
        engine,
        partial(engine.draw, draw(engine)),
        partial(engine.draw, draw(engine, sampling=Sampling(top_k=1))),
        partial(engine.draw, draw(engine)),
    )
    assert drawn[0].call == drawn[2].call != drawn[1].call
    assert len(drawn[1].samples) == 1


def test_long_sources_are_not_put_together_by_the_dozen(engine: Engine) -> None:
    long = " ".join(["you"] * 400)
    drawn = together(engine, *[partial(engine.draw, draw(engine, long))] * 3)
    assert len({one.call for one in drawn}) == 2


def test_pairs_that_wait_together_are_scored_as_they_are_alone(engine: Engine) -> None:
    requests = [([TEXT, "stop"], ["you are wrong", "no"]), (["a very bad plan"], [""]), ([TEXT], ["this is not so"])]
    alone = [engine.log_probabilities(*request) for request in requests]
    beside = together(engine, *(partial(engine.log_probabilities, *request) for request in requests))
    assert beside == [pytest.approx(scores, abs=1e-4) for scores in alone]


def test_one_request_that_is_too_long_is_refused_before_it_joins(published: CheckpointStore) -> None:
    generator = Generator(published.folder(1) / SERVING_FOLDER, 1, threads=1, seed=3)
    calls = generator._engine._calls
    with pytest.raises(InputTooLong):
        generator.generate("you " * 600, Sampling())
    assert generator._engine._calls == calls


def test_the_same_seed_and_the_same_calls_give_the_same_samples(published: CheckpointStore) -> None:
    drawn = []
    for _ in range(2):
        again = Engine(published.folder(1) / SERVING_FOLDER, compute_type="int8", threads=1, seed=11)
        both = together(again, *(partial(again.draw, draw(again, text)) for text in (TEXT, "stop it")))
        drawn.append([*both, again.draw(draw(again))])
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("text", ["👩🏽‍🚀 idiot 🤬", "naïve", "дурак", "白痴", "e\u0301"])
def test_text_outside_the_vocabulary_goes_in_and_comes_out_as_bytes(engine: Engine, text: str) -> None:
    tokens = engine.tokens(text)
    assert "<unk>" not in tokens
    assert engine.text(tokens[:-1]) == unicodedata.normalize("NFKC", text)


def test_a_rewrite_never_holds_what_a_database_cannot_store(engine: Engine) -> None:
    assert engine.text(["▁you", "<0x00>", "▁are", "<0xFF>"]) == "you are\ufffd"
    # Neither does a text field keep a carriage return, and nobody sees the rest.
    assert engine.text(["▁you", "<0x0D>", "<0x19>", "▁are", "<0x0A>", "<0x7F>", "!"]) == "you are\n!"


def test_what_asks_a_model_that_is_no_longer_held_gets_an_error() -> None:
    class Model:
        def score(self, texts: Sequence[str]) -> list[int]:
            return [len(text) for text in texts]

    model = Model()
    score = _borrowed(model.score)
    assert score(["you"]) == [3]
    del model
    with pytest.raises(ReferenceError, match=r"^The model was removed from memory while it was in use\.$"):
        score(["you"])
