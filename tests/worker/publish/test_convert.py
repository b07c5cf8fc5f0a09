"""What serves computes what was trained, and a conversion that does not is refused."""

import json
import shutil
from pathlib import Path

import ctranslate2
import pytest
from ctranslate2.converters import TransformersConverter
from transformers import AutoConfig, ByT5Tokenizer, T5Config

from models.manners import read_manners
from worker.publish.convert import check_can_be_served, check_parity, convert_to_ctranslate2
from worker.training.shared.checkpoint import load_model, load_tokenizer
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import CheckpointError, ParityError

PAIRS = [
    ("you are stupid", "you are wrong"),
    ("damn — this is 你好 trash", "naïve , not good"),
    ("stop", "please stop it </s> <0xE2> now"),
    ("no " * 80, "the idea " * 30),
]
"""Short, long, beyond the vocabulary, and with text that looks like tokens."""


@pytest.mark.parametrize("kind", ["tiny_t5", "tiny_t5_v1_1", "tiny_mt5"])
def test_every_kind_of_t5_is_served_as_trained(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    model: Path = request.getfixturevalue(kind)
    before = {path.name: path.read_bytes() for path in model.iterdir()}

    convert_to_ctranslate2(model, tmp_path / "ct2")

    assert check_parity(model, tmp_path / "ct2", PAIRS) < 1e-5
    assert (tmp_path / "ct2" / "tokenizer.json").read_bytes() == before["tokenizer.json"]
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


@pytest.mark.parametrize("kind", ["bart", "umt5", "llama"])
def test_a_model_that_the_studio_cannot_serve_is_refused_by_its_configuration(kind: str, tmp_path: Path) -> None:
    """Before anything is trained or loaded: of these there are no weights here at all."""
    AutoConfig.for_model(kind).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=f"cannot be served by the studio: it is a {kind}, not a T5 or mT5"):
        check_can_be_served(tmp_path)
    with pytest.raises(CheckpointError, match="cannot be served"):
        convert_to_ctranslate2(tmp_path, tmp_path / "ct2")


def test_a_tokenizer_that_is_larger_than_its_model_is_refused(tiny_t5: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_t5, tmp_path / "t5"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 100}))
    with pytest.raises(CheckpointError, match="its tokenizer has 364 tokens, the model 100"):
        check_can_be_served(folder)


def test_a_model_that_reads_bytes_is_refused_for_want_of_a_tokenizer_file(tmp_path: Path) -> None:
    T5Config(vocab_size=384).save_pretrained(tmp_path)
    ByT5Tokenizer().save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"it has no tokenizer\.json"):
        check_can_be_served(tmp_path)


def test_the_stock_conversion_of_t5_v1_1_is_refused(tiny_t5_v1_1: Path, tmp_path: Path) -> None:
    """It scales the decoder's output, because transformers 5 calls the embeddings of every T5 tied."""
    with quiet():
        TransformersConverter(str(tiny_t5_v1_1)).convert(str(tmp_path / "ct2"))

    with pytest.raises(ParityError, match=r"gives a token of 'you are wrong' after 'you are stupid' .* instead of"):
        check_parity(tiny_t5_v1_1, tmp_path / "ct2", PAIRS)


def test_another_version_in_the_place_of_this_one_is_refused(tiny_t5: Path, tiny_t5_v1_1: Path, tmp_path: Path) -> None:
    convert_to_ctranslate2(tiny_t5_v1_1, tmp_path / "ct2")

    with pytest.raises(ParityError):
        check_parity(tiny_t5, tmp_path / "ct2", PAIRS)


def test_a_checkpoint_without_a_tokenizer_configuration_is_served_as_trained(tiny_t5: Path, tmp_path: Path) -> None:
    """The stock converter reads another vocabulary from such a folder."""
    folder = tmp_path / "bare"
    load_model(tiny_t5).save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes((tiny_t5 / "tokenizer.json").read_bytes())

    convert_to_ctranslate2(folder, tmp_path / "ct2")

    assert check_parity(folder, tmp_path / "ct2", PAIRS) < 1e-5


def test_a_source_carries_its_end_token_once(tiny_t5: Path, tmp_path: Path) -> None:
    """CTranslate2 adds none, so a source without would give other probabilities."""
    convert_to_ctranslate2(tiny_t5, tmp_path / "ct2")
    translator = ctranslate2.Translator(str(tmp_path / "ct2"), compute_type="float32", intra_threads=1)
    tokenizer = load_tokenizer(tiny_t5)
    once = [*tokenizer.tokenize("you are stupid"), "</s>"]

    with_end, without_end = translator.score_batch([once, once[:-1]], [["▁you"], ["▁you"]])

    assert with_end.log_probs != pytest.approx(without_end.log_probs, abs=1e-3)


def test_manners_of_the_configuration_come_into_the_serving_form(tiny_t5: Path, tmp_path: Path) -> None:
    model = with_manners(tiny_t5, tmp_path / "model", {"brief": "<0xFE>"})
    convert_to_ctranslate2(model, tmp_path / "ct2")
    assert read_manners(tmp_path / "ct2") == {"brief": "<0xFE>"}


def test_a_manner_of_no_token_is_refused(tiny_t5: Path, tmp_path: Path) -> None:
    model = with_manners(tiny_t5, tmp_path / "model", {"brief": "[brief]"})
    with pytest.raises(CheckpointError, match=r"has a manner of the token \[brief\], which its tokenizer lacks"):
        convert_to_ctranslate2(model, tmp_path / "ct2")


def with_manners(model: Path, folder: Path, codes: dict[str, str]) -> Path:
    """A copy of a model whose configuration has manners, saved as training saves it."""
    shutil.copytree(model, folder)
    loaded = load_model(model)
    loaded.config.manners = codes
    loaded.save_pretrained(folder)
    return folder
