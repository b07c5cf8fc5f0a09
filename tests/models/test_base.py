"""The shipped base checkpoint: its size, its tokenizer, its card and how it rewrites a few sentences."""

import logging
from pathlib import Path

import ctranslate2
import pytest
import torch
from ctranslate2.converters import TransformersConverter
from tokenizers import Tokenizer
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, T5ForConditionalGeneration

from worker.base.build.rewrites import beam_rewrites, sampled_rewrites

BASE = Path(__file__).parents[2] / "models" / "base"
EOS_ID = 1

UNUSUAL_TEXTS = [
    "You are dumb",
    "Grüße aus Zürich, naïve café, 50 % ½",
    "I love it 😂😂 ❤️ 👩‍👩‍👧 👏🏽",
    "first line\nsecond line\ttabbed",
    "日本語 и русский עברית",
    "SHOUTING and sh1t f*ck @$$",
    "two  spaces",
]


@pytest.fixture(scope="module")
def model() -> T5ForConditionalGeneration:
    return T5ForConditionalGeneration.from_pretrained(BASE, local_files_only=True)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(BASE / "tokenizer.json"))


def test_checkpoint_is_small_and_holds_no_pickle(model: T5ForConditionalGeneration) -> None:
    files = [path for path in BASE.iterdir() if path.is_file()]

    assert model.num_parameters() <= 25_000_000
    assert sum(path.stat().st_size for path in files) <= 50 * 2**20
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".md", ".py"}


def test_loading_logs_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("transformers")
    logger.addHandler(caplog.handler)
    try:
        AutoModelForSeq2SeqLM.from_pretrained(BASE, local_files_only=True)
        AutoTokenizer.from_pretrained(BASE, local_files_only=True)
    finally:
        logger.removeHandler(caplog.handler)

    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_config_is_that_of_the_first_t5(model: T5ForConditionalGeneration) -> None:
    assert model.config.tie_word_embeddings is True
    assert model.config.scale_decoder_outputs is True
    assert model.config.feed_forward_proj == "relu"
    assert model.generation_config.decoder_start_token_id == model.config.pad_token_id == 0
    assert model.generation_config.eos_token_id == EOS_ID


@pytest.mark.parametrize("text", UNUSUAL_TEXTS)
def test_tokenizer_round_trips_any_text_with_exactly_one_eos(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text).ids

    assert ids.count(EOS_ID) == 1
    assert ids[-1] == EOS_ID
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_tokenizer_makes_typographic_marks_plain(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("“Don’t” — he said…").ids

    assert tokenizer.decode(ids, skip_special_tokens=True) == '"Don\'t" - he said...'


@pytest.mark.parametrize("text", ["", *UNUSUAL_TEXTS])
def test_transformers_reads_the_same_tokens(tokenizer: Tokenizer, text: str) -> None:
    loaded = AutoTokenizer.from_pretrained(BASE, local_files_only=True)

    assert loaded(text)["input_ids"] == tokenizer.encode(text).ids
    assert (loaded.pad_token_id, loaded.eos_token_id, loaded.unk_token_id) == (0, EOS_ID, 2)


def test_vocabulary_matches_the_embeddings(model: T5ForConditionalGeneration, tokenizer: Tokenizer) -> None:
    assert tokenizer.get_vocab_size() == model.config.vocab_size == len(model.shared.weight)


@pytest.mark.parametrize(
    "fact",
    [
        "s-nlp/paradetox",
        "CC0",
        "s-nlp/detox",
        "Jigsaw",
        "CC BY-SA",
        "t-davidson/hate-speech-and-offensive-language",
        "MIT",
        "alexa/Topical-Chat",
        "CDLA-Sharing 1.0",
        "google-research-datasets/Taskmaster",
        "CC BY 4.0",
        "Intended use",
        "Limits",
        "Scores",
    ],
)
def test_model_card_names(fact: str) -> None:
    assert fact in (BASE / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("toxic", "word"),
    [
        ("You are dumb", "dumb"),
        ("what the hell is this crap ?", "crap"),
        ("Shut the fuck up!", "fuck"),
        ("he is a fucking moron", "moron"),
    ],
)
def test_insult_is_rewritten(model: T5ForConditionalGeneration, tokenizer: Tokenizer, toxic: str, word: str) -> None:
    [rewrite] = beam_rewrites(model, tokenizer, [toxic])

    assert rewrite
    assert word not in rewrite.lower()
    assert "fuck" not in rewrite.lower()


@pytest.mark.parametrize(
    "polite",
    [
        "thank you for your help .",
        "Could you please send me the report by Friday?",
        "I really enjoyed the movie last night.",
        "“This is fine”, she said — and left…",
        "Hello 👋 my friend",
    ],
)
def test_polite_text_comes_back_nearly_unchanged(
    model: T5ForConditionalGeneration, tokenizer: Tokenizer, polite: str
) -> None:
    [rewrite] = beam_rewrites(model, tokenizer, [polite])

    read = tokenizer.decode(tokenizer.encode(polite).ids)
    words = set(read.lower().rstrip(" .?").split())
    assert len(words & set(rewrite.lower().rstrip(" .?").split())) >= len(words) - 1


def test_lines_stay_lines(model: T5ForConditionalGeneration, tokenizer: Tokenizer) -> None:
    [rewrite] = beam_rewrites(model, tokenizer, ["The first line is fine.\nThe second line is fucking terrible."])

    assert rewrite.count("\n") == 1
    assert "fuck" not in rewrite


def test_samples_differ(model: T5ForConditionalGeneration, tokenizer: Tokenizer) -> None:
    torch.manual_seed(0)
    [samples] = sampled_rewrites(model, tokenizer, ["You are an idiot and your plan is garbage"], count=8)

    assert len(set(samples)) >= 3


def test_converts_for_serving(tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = TransformersConverter(str(BASE)).convert(str(tmp_path / "serving"), quantization="float32")
    translator = ctranslate2.Translator(folder, device="cpu", intra_threads=1)

    [result] = translator.translate_batch([tokenizer.encode("You are dumb").tokens], beam_size=4)

    vocabulary = tokenizer.get_vocab()
    rewrite = tokenizer.decode([vocabulary[token] for token in result.hypotheses[0]])
    assert rewrite
    assert "dumb" not in rewrite.lower()
