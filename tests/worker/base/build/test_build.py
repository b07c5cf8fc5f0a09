"""The script that builds the base checkpoint: its split, its synthetic data, and a build in miniature."""

import gzip
import hashlib
import os
import random
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSeq2SeqLM

from worker.base.build import train
from worker.base.build.__main__ import build
from worker.base.build.batches import LONGEST, batch_group
from worker.base.build.curriculum import SHORTEST, WHOLE_SENTENCE, Curriculum
from worker.base.build.rewrites import beam_rewrites
from worker.base.build.tokenizer import train_tokenizer
from worker.base.build.train import Plan
from worker.base.texts.corpus import Corpus, Row, is_dev, one_line, read_corpus
from worker.base.texts.lexicon import Lexicon, learn_lexicon
from worker.base.texts.pairs import PairSource, detox_pairs, typed
from worker.base.texts.toxify import Toxifier, disguise

SHARED = Path(os.environ.get("MELLOW_SHARED_DATA", "../shared/data"))
needs_data = pytest.mark.skipif(
    not (SHARED / "paradetox.tsv").exists(), reason=f"no ParaDetox table in {SHARED} (MELLOW_SHARED_DATA)"
)

THINGS = ["tea", "rain", "music", "work", "lunch", "traffic", "coding", "weather", "football", "reading"]
ROWS = [
    Row(f"the {thing} is {adverb} bad", (f"the {thing} is bad", f"the {thing} is not good"))
    for thing in THINGS
    for adverb in ("fucking", "damn")
]
NEUTRAL = [f"I like {thing} on {day} with my friends." for thing in THINGS for day in ("Monday", "Sunday")]


@pytest.fixture
def _one_thread() -> Iterator[None]:
    """Keep matrices this small from being spread over threads, which costs more than it saves."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def lexicon() -> Lexicon:
    return learn_lexicon(ROWS, NEUTRAL)


def dev_sources() -> list[str]:
    """A few sentences that the split rule calls dev."""
    return list(islice((text for text in (f"you are fucking late {n}" for n in count()) if is_dev(text)), 3))


def write_data(folder: Path) -> Path:
    """A data folder of a handful of sentences, laid out as the real one; dev texts leak into the corpora."""
    dev = dev_sources()
    rows = [*ROWS, *(Row(text, (text.replace("fucking ", ""),)) for text in dev)]
    lines = ["toxic\tneutral1\tneutral2\tneutral3"]
    lines += ["\t".join([row.toxic, *row.rewrites, "", ""][:4]) for row in rows]
    (folder / "corpus").mkdir(parents=True)
    (folder / "paradetox.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    texts = {
        "topical_chat": NEUTRAL[::2],
        "taskmaster": [*NEUTRAL[1::2], dev[0].replace("fucking ", "").upper()],
        "jigsaw_comments": ["a calm comment about the article", dev[0]],
        "paradetox_cannot_rewrite": ["they are all idiots", dev[1]],
        "davidson_tweets": ["@someone: what a mess"],
    }
    for name, sentences in texts.items():
        with gzip.open(folder / "corpus" / f"{name}.txt.gz", "wt", encoding="utf-8") as handle:
            handle.write("\n".join(sentences) + "\n")
    return folder


def held_out(corpus: Corpus) -> set[str]:
    """Every dev text, source or rewrite, as comparisons see it."""
    return {one_line(text).casefold() for row in corpus.dev for text in (row.toxic, *row.rewrites)}


def learnt_from(corpus: Corpus) -> set[str]:
    """Every text that training or the tokenizer sees, as comparisons see it."""
    rows = {text for row in corpus.train for text in (row.toxic, *row.rewrites)}
    return {text.casefold() for text in {*rows, *corpus.neutral, *corpus.hostile}}


def test_split_follows_the_hash_of_the_stripped_source() -> None:
    for text in ("he had steel balls too !", " he had steel balls too !\n", *dev_sources()):
        digest = hashlib.sha1(text.strip().encode(), usedforsecurity=False).hexdigest()
        assert is_dev(text) == (int(digest, 16) % 20 == 0)


def test_dev_texts_are_dropped_from_every_corpus(tmp_path: Path) -> None:
    corpus = read_corpus(write_data(tmp_path))

    assert [row.toxic for row in corpus.dev] == dev_sources()
    assert learnt_from(corpus).isdisjoint(held_out(corpus))
    assert corpus.hostile == ["they are all idiots", "what a mess"]


@needs_data
def test_no_dev_text_is_trained_on() -> None:
    corpus = read_corpus(SHARED)

    assert 500 < len(corpus.dev) < 700
    assert len(corpus.train) > 11_000
    assert all(is_dev(row.toxic) for row in corpus.dev)
    assert not any(is_dev(row.toxic) for row in corpus.train)
    assert learnt_from(corpus).isdisjoint(held_out(corpus))


def test_lexicon_learns_what_rewriting_removes(lexicon: Lexicon) -> None:
    assert {"fucking", "damn"} == lexicon.words
    assert set(lexicon.insertions) == {("fucking",), ("damn",)}
    assert set(lexicon.insertions_after) == {"is"}
    assert set(lexicon.substitutions) == {("not", "good")}
    assert lexicon.is_toxic("Damn, again")
    assert not lexicon.is_toxic("a fine day")


def test_toxify_is_deterministic_given_a_seed(lexicon: Lexicon) -> None:
    toxifier = Toxifier(lexicon)

    def toxic(seed: int) -> list[str]:
        rng = random.Random(seed)
        return [toxifier.toxify_sentence(text, rng) for text in NEUTRAL]

    assert toxic(1) == toxic(1)
    assert toxic(1) != toxic(2)
    assert all(changed != text for changed, text in zip(toxic(1), NEUTRAL, strict=True))


def test_inserting_keeps_every_word_in_order() -> None:
    toxifier = Toxifier(Lexicon(frozenset({"damn"}), [("damn",)], {"like": [("so", "damn")]}, {}))

    for seed in range(20):
        words = iter(toxifier.toxify(NEUTRAL[0], 2, random.Random(seed)).split(" "))
        assert all(word in words for word in NEUTRAL[0].split(" "))


def test_disguises_differ_from_the_word() -> None:
    disguised = {disguise("idiot", random.Random(seed)) for seed in range(40)}

    assert "idiot" not in disguised
    assert {"IDIOT", "i*iot", "id10t"} & disguised
    assert len(disguised) > 5


def test_typed_text_reads_as_people_write_it() -> None:
    assert typed("i do n't know , but i 'm here .") == "I don't know, but I'm here."


def test_copies_and_toxic_rewrites_are_no_training_pairs(lexicon: Lexicon) -> None:
    row = Row("this is damn bad", ("This is damn bad", "this is damn awful", "this is bad"))

    assert detox_pairs([row], lexicon) == [("this is damn bad", "this is bad")]


def test_pairs_follow_the_seed_and_the_fragment_length(lexicon: Lexicon) -> None:
    source = PairSource(Corpus(ROWS, [], NEUTRAL, [], [], []), lexicon)

    def drawn(seed: int) -> list[tuple[str, str]]:
        rng = random.Random(seed)
        return [source.mixed(rng) for _ in range(50)] + [source.fragment(SHORTEST, rng) for _ in range(50)]

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
    fragments = [target.encode("ascii", "ignore").decode().split() for _, target in drawn(3)[50:]]
    assert all(len(words) == SHORTEST for words in fragments)


def test_curriculum_lengthens_when_the_loss_is_low() -> None:
    curriculum = Curriculum()
    start = curriculum.length

    assert not any(curriculum.observe(3.0) for _ in range(100))
    assert curriculum.length == start
    assert any(curriculum.observe(0.5) for _ in range(50))
    assert curriculum.length > start


def test_curriculum_ends_at_whole_sentences() -> None:
    curriculum = Curriculum(running_loss=0.1)
    for _ in range(2 * WHOLE_SENTENCE):
        curriculum.observe(0.1)

    assert curriculum.finished
    assert curriculum.length == WHOLE_SENTENCE


def test_batches_hold_about_the_tokens_asked_for(lexicon: Lexicon) -> None:
    tokenizer = train_tokenizer(iter([*NEUTRAL, *(row.toxic for row in ROWS)]), 400)
    source = PairSource(Corpus(ROWS, [], NEUTRAL, [], [], []), lexicon)

    batches = batch_group(source.mixed, tokenizer, random.Random(0), tokens_each=600, count=3)

    assert sum(batch.size for batch in batches) >= 3 * 600
    assert all(batch.size < 600 + 2 * LONGEST for batch in batches)
    assert all((batch.labels[:, 0] >= 0).all() for batch in batches)


@pytest.mark.usefixtures("_one_thread")
def test_a_build_in_miniature_makes_a_loadable_checkpoint_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "PROBES", ["You are dumb"])
    data, work, out = write_data(tmp_path / "data"), tmp_path / "work", tmp_path / "out"

    def plan(minutes: float) -> Plan:
        return Plan(minutes=minutes, vocabulary=400, width=32, encoder_layers=1, decoder_layers=1, tokens_each=300)

    first = build(data, work, out, plan(0.01))
    second = build(data, work, out, plan(first.seconds / 60 + 0.01))

    assert second.steps > first.steps > 0
    assert second.tokens > first.tokens
    assert {path.name for path in out.iterdir()} == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    model = AutoModelForSeq2SeqLM.from_pretrained(out, local_files_only=True)
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    assert len(beam_rewrites(model, tokenizer, dev_sources())) == 3
