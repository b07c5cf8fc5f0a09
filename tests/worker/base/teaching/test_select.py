"""The parts of the builder that grow the model, compute its loss and select what it learns from."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import T5ForConditionalGeneration

from models.serving.neutrality import Neutrality
from worker.base.build.batches import to_batch
from worker.base.build.checkpoint import grow, new_model
from worker.base.build.loss import cross_entropy
from worker.base.build.train import step_loss
from worker.base.teaching.meaning import similarities
from worker.base.teaching.select import (
    Candidate,
    Judges,
    alike,
    as_written,
    best,
    candidates,
    read_selected,
    rude_sentences,
    select,
    without_toxic_words,
    write_selected,
)
from worker.base.texts.corpus import Corpus, Row
from worker.base.texts.lexicon import learn_lexicon
from worker.base.texts.ngrams import Ngrams
from worker.base.texts.pairs import PairSource, marked_up
from worker.base.texts.rudeness import outburst, remark, rude_words
from worker.base.texts.tidy import tidy

ROWS = [
    Row(f"the {thing} is fucking bad", (f"the {thing} is bad", f"the {thing} is not good"))
    for thing in ("tea", "rain", "music", "work", "lunch")
]
NEUTRAL = [f"I like the {thing} on Monday with my friends." for thing in ("tea", "rain", "music", "work", "lunch")]
CORPUS = Corpus(ROWS, [], NEUTRAL, ["a calm comment"], ["they are all fucking idiots"], ["what a bitch she is"])


@pytest.fixture
def small() -> T5ForConditionalGeneration:
    torch.manual_seed(0)
    return new_model(300, width=64, encoder_layers=2, decoder_layers=1)


@pytest.fixture(scope="module")
def judges() -> Judges:
    texts = [*NEUTRAL, *(text for row in ROWS for text in (row.toxic, *row.rewrites))] * 20
    return Judges(Neutrality(), Ngrams(texts), learn_lexicon(ROWS, NEUTRAL), lambda rewrites: [0.0 for _ in rewrites])


def test_the_chunked_loss_and_its_gradients_are_those_of_torch() -> None:
    torch.manual_seed(1)
    hidden = torch.randn(600, 16, requires_grad=True)
    weight = torch.randn(50, 16, requires_grad=True)
    targets = torch.randint(0, 50, (600,))
    loss = cross_entropy(hidden, weight, targets)
    found = torch.autograd.grad(3 * loss, (hidden, weight))

    plain = torch.nn.functional.cross_entropy(hidden @ weight.T, targets)
    wanted = torch.autograd.grad(3 * plain, (hidden, weight))

    assert loss.item() == pytest.approx(plain.item(), rel=5e-3)
    for one, other in zip(found, wanted, strict=True):
        assert ((one - other).norm() / other.norm()).item() < 1e-2


def test_the_training_loss_is_the_models_own(small: T5ForConditionalGeneration) -> None:
    batch = to_batch([([5, 6, 7, 1], [8, 9, 1]), ([10, 1], [11, 12, 13, 14, 1])])
    own = small.train(False)(
        input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=batch.labels
    ).loss.item()

    assert step_loss(small, batch).item() == pytest.approx(own, rel=2e-2)


def test_a_grown_model_computes_the_same_and_every_new_block_learns(small: T5ForConditionalGeneration) -> None:
    batch = to_batch([([5, 6, 7, 1], [8, 9, 1])])
    grown = grow(small, 5, 2)
    assert (len(grown.encoder.block), len(grown.decoder.block)) == (5, 2)
    with torch.no_grad():
        before, after = (
            model.train(False)(input_ids=batch.input_ids, labels=batch.labels).logits for model in (small, grown)
        )
    assert torch.equal(before, after)

    torch.autograd.backward(step_loss(grown, batch))
    for block in [*grown.encoder.block, *grown.decoder.block]:
        assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in block.parameters())


def test_words_out_of_place_make_a_rewrite_less_fluent() -> None:
    counts = Ngrams(["it was an apple", "it was a day", "he saw a day", "an apple fell", "the last night"] * 30)

    assert counts.fluency("it was a bad day", "it was a day") == 1.0
    assert counts.fluency("it was an old apple", "it was an day") < 0.7
    assert counts.fluency("it was an day", "it was an day") == 1.0, "what the source said is taken as it is"


def test_probabilities_of_the_next_word_add_up_to_one() -> None:
    counts = Ngrams(["one two three", "one two four", "two three one"])
    vocabulary = ["one", "two", "three", "four", "$"]

    for before in (("one", "two"), ("two", "three"), ("^", "^")):
        assert sum(counts.probability((*before, word)) for word in vocabulary) == pytest.approx(1, abs=0.05)


def test_candidates_are_neutral_fluent_and_no_copies(judges: Judges) -> None:
    row = ROWS[0]
    written = {"the tea is fucking awful": -0.1, row.toxic: -0.1, "the tea is bad": -0.2, "tea the bad is": -0.2}

    texts = [candidate.text for candidate in candidates(row, written, judges)]

    assert texts
    assert set(texts) <= {"the tea is bad", "the tea is not good"}


def test_the_best_differ_in_wording() -> None:
    scored = [(0.7, "the tea is bad"), (0.9, "the tea is not good"), (0.8, "The tea is not good."), (0.1, "tea")]

    assert best(scored) == ["the tea is not good", "the tea is bad"]


def test_what_means_something_else_is_left_out(judges: Judges) -> None:
    row = ROWS[0]
    offered = [Candidate(text, 1, 1, 0) for text in ("the tea is bad", "my brother works in a bank")]

    assert [[text for _, text in row] for row in alike([(row, offered)])] == [["the tea is bad"]]


def test_meaning_is_told_apart() -> None:
    same, other = similarities(["the cat sits outside"] * 2, ["a cat is sitting outside", "a man plays the guitar"])

    assert same > 0.8
    assert other < 0.3


@pytest.mark.parametrize("liked", ["the tea is bad", "the tea is not good"])
def test_how_well_a_text_reads_decides_between_equals(judges: Judges, liked: str) -> None:
    row = Row(ROWS[0].toxic, ())

    def read(texts: Sequence[str]) -> list[float]:
        return [0.0 if text == liked else -9.0 for text in texts]

    def writer(sources: Sequence[str]) -> list[dict[str, float]]:
        return [{"the tea is bad": -0.1, "the tea is not good": -0.1} for _ in sources]

    assert next(select([row], writer, replace(judges, read=read))) == (row.toxic, liked)


def test_spacing_and_case_do_not_count_as_reading_badly() -> None:
    assert as_written("it is n't  bad , he said .") == "It isn't bad, he said."


def test_deletion_takes_out_what_people_take_out(judges: Judges) -> None:
    assert without_toxic_words("the fucking tea is bad", judges.lexicon) == "the tea is bad"


def test_sources_are_the_rows_and_rude_lines_alone() -> None:
    found = rude_sentences(CORPUS, Neutrality(), 10, random.Random(0))

    assert found[: len(ROWS)] == ROWS
    assert {row.toxic for row in found[len(ROWS) :]} == {"they are all fucking idiots", "what a bitch she is"}
    assert len(rude_sentences(CORPUS, Neutrality(), 1, random.Random(0))) == len(ROWS) + 1


def test_a_selection_is_written_whole_and_read_back(tmp_path: Path) -> None:
    pairs = [("you idiot", "you are wrong"), ("ça, “idiot”", "ça")]
    path = tmp_path / "selected.jsonl"

    assert write_selected(pairs, path) == 2
    assert read_selected(path) == pairs
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == [list(p) for p in pairs]
    assert list(tmp_path.iterdir()) == [path]


def test_selected_rewrites_are_drawn() -> None:
    selected = [("you utter nincompoop", "you are mistaken")]
    source = PairSource(CORPUS, learn_lexicon(ROWS, NEUTRAL), selected)
    rng = random.Random(0)

    drawn = [source.mixed(rng)[0].casefold() for _ in range(200)]

    assert sum("nincompoop" in text for text in drawn) > 60


def test_the_grammar_of_insults_makes_rude_texts_and_polite_answers() -> None:
    rng, judge = random.Random(0), Neutrality()
    remarks = [remark(rng) for _ in range(200)]
    plain = "he said that the people in my house are very tired ."
    made = [make(plain, rng) for make in (rude_words, outburst) for _ in range(100)]

    assert sum(value < 0.5 for value in judge([toxic for toxic, _ in remarks])) > 180
    assert sum(value > 0.5 for value in judge([polite for _, polite in remarks])) > 180
    assert all(text != plain for text in made)
    assert sum(value < 0.5 for value in judge(made)) > 140


def test_what_is_no_prose_is_put_around_or_in_place_of_the_text() -> None:
    rng = random.Random(0)
    made = {marked_up("a calm comment", rng) for _ in range(200)}

    assert any(text.startswith("<") for text in made)
    assert any("https://" in text for text in made)
    assert any("def " in text or "SELECT" in text for text in made)


@pytest.mark.parametrize(
    ("chat", "neat"),
    [
        ("i dont think he 's right , lol", "I don't think he's right"),
        ("Cuz u can 't , ok ? ?", "Because you can't, ok?"),
        ("- - what a day .", "What a day."),
        ("He is mentally ill.", "He is mentally ill."),
        ("lol", ""),
    ],
)
def test_rewrites_are_written_neatly(chat: str, neat: str) -> None:
    assert tidy(chat) == neat
