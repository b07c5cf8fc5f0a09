"""A reward model reads in use what it read in training, and what is no reward model is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from models.model_errors import RecipeError
from models.settings.command_line import GRPOOptions
from tests.tiny.classifiers import build_tiny_classifier, build_tiny_encoder
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.methods.reward_functions import (
    RewardModel,
    load_reward,
    rewards_of,
)
from worker.training.run.ratings import encode_rating, pad_ratings
from worker.training.shared.training_errors import CheckpointError, Diverged


@pytest.fixture(scope="module")
def rater(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with a head of one output."""
    return build_tiny_classifier(tmp_path_factory.mktemp("rater"), "bert")


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta"])
def test_an_encoder_reads_a_pair_with_each_special_token_once(kind: str, tmp_path: Path) -> None:
    """[CLS] prompt [SEP] completion [SEP]; and no text can write a special token itself."""
    loaded = load_model_and_tokenizer(build_tiny_encoder(tmp_path, kind), classifier=True)
    ids = encode_rating(loaded, "you are bad", "[SEP] be good [CLS]")["input_ids"]
    tokens = loaded.tokenizer.convert_ids_to_tokens(ids)
    between = ["[SEP]", "[SEP]"] if kind == "roberta" else ["[SEP]"]
    assert tokens[0] == "[CLS]"
    assert tokens.count("[CLS]") == 1
    assert tokens[4 : 4 + len(between)] == between
    assert tokens[-1] == "[SEP]"
    assert tokens.count("[SEP]") == 1 + len(between)


def test_a_bert_is_told_which_part_is_the_completion(rater: Path) -> None:
    """Token types: 0 up to the first separator, 1 after it."""
    loaded = load_model_and_tokenizer(rater, classifier=True)
    assert encode_rating(loaded, "you are bad", "be good")["token_type_ids"] == [0] * 5 + [1] * 3


def test_a_decoder_reads_one_text_that_ends_in_one_eos(tiny_llama: Path) -> None:
    """One BOS, the prompt, the completion, one EOS."""
    loaded = load_model_and_tokenizer(tiny_llama, classifier=True)
    ids = encode_rating(loaded, "you are bad", "be good<eos>")["input_ids"]
    assert [ids.count(token) for token in (loaded.tokenizer.bos_token_id, loaded.tokenizer.eos_token_id)] == [1, 1]
    assert ids[-1] == loaded.tokenizer.eos_token_id
    assert loaded.tokenizer.decode(ids[1:-1]) == "you are badbe good<eos>"


def test_a_chat_model_reads_the_conversation_in_its_template(tiny_chat: Path) -> None:
    """As the template writes it, with nothing before or after."""
    loaded = load_model_and_tokenizer(tiny_chat, classifier=True)
    ids = encode_rating(
        loaded, [{"role": "user", "content": "you are bad"}], [{"role": "assistant", "content": "be good"}]
    )["input_ids"]
    assert loaded.tokenizer.decode(ids) == "<|user|>you are bad<eos><|assistant|>be good<eos>"


def test_a_text_longer_than_the_positions_is_cut_and_rated(rater: Path) -> None:
    """A sampled text may be of any length; the model has 64 positions."""
    model = RewardModel(rater, device="cpu")
    assert math.isfinite(model(["bad " * 100], ["good " * 100])[0])
    ids = encode_rating(model.loaded, "bad " * 100, "good " * 100)["input_ids"]
    assert len(ids) == 64
    assert model.loaded.tokenizer.convert_ids_to_tokens(ids).count("good") > 20


def test_what_is_rated_together_does_not_matter(rater: Path) -> None:
    """Padding changes no reward, and each comes back at its place."""
    model = RewardModel(rater, batch_size=3, device="cpu")
    prompts = ["you are bad", "stop", "this movie is a very bad movie", "no"]
    completions = ["be good", "please stop it now", "no", "i disagree with that idea"]
    together = model(prompts, completions)
    alone = [model([prompt], [completion])[0] for prompt, completion in zip(prompts, completions, strict=True)]
    assert together == pytest.approx(alone, abs=1e-5)
    assert len({round(value, 4) for value in together}) == 4


def test_messages_and_text_are_rated_alike(rater: Path) -> None:
    """A chat model's prompt is a list of messages; an encoder reads what they say."""
    model = RewardModel(rater, device="cpu")
    said: Any = [{"role": "user", "content": "you are bad"}]
    assert model([said], ["be good"]) == pytest.approx(model(["you are bad"], ["be good"]), abs=1e-6)


def test_the_folder_of_a_training_will_do(tmp_path: Path) -> None:
    """The output folder has the model in `model`."""
    build_tiny_classifier(tmp_path / "model", "bert")
    options = GRPOOptions(reward_model_path=str(tmp_path), use_cpu=True)
    assert len(load_reward(options)(["you are bad"], ["be good"])) == 1


def test_no_path_is_one_sentence() -> None:
    """The option is empty unless it is given."""
    with pytest.raises(
        RecipeError, match=r"^reward_model_path is missing: name the output folder of a training with `reward`\.$"
    ):
        load_reward(GRPOOptions())


@pytest.mark.parametrize(
    ("name", "outputs", "sentence"),
    [
        ("encoder", 1, "is no reward model: it is a BertModel"),
        ("classifier", 2, "with 2 outputs, not a classifier with one"),
        ("nothing", 1, "No reward model could be loaded"),
    ],
)
def test_what_is_no_reward_model_is_refused(name: str, outputs: int, sentence: str, tmp_path: Path) -> None:
    """An untrained head would give random rewards without a word."""
    if name == "encoder":
        build_tiny_encoder(tmp_path, "bert")
    if name == "classifier":
        build_tiny_classifier(tmp_path, "bert", outputs=outputs)
    with pytest.raises(CheckpointError, match=sentence) as failure:
        RewardModel(tmp_path)
    assert len(str(failure.value).splitlines()) == 1


def test_a_reward_that_is_no_number_stops_the_training() -> None:
    """The sentence shows the text."""
    with pytest.raises(Diverged, match="reward of 'very bad' is nan"):
        rewards_of(lambda prompts, texts: [1.0, math.nan], ["a", "b"], ["good", "very bad"])
    with pytest.raises(Diverged, match="1 numbers for 2 texts"):
        rewards_of(lambda prompts, texts: [1.0], ["a", "b"], ["good", "very bad"])


def test_padding_is_on_the_right_and_masked() -> None:
    """A decoder-only classifier reads the last token that is no padding."""
    batch = pad_ratings([{"input_ids": [5, 6, 7]}, {"input_ids": [8]}], 9)
    assert torch.equal(batch["input_ids"], torch.tensor([[5, 6, 7], [8, 9, 9]]))
    assert torch.equal(batch["attention_mask"], torch.tensor([[1, 1, 1], [1, 0, 0]]))
