"""How a prompt and its completion reach a reward model, token by token, and which rewards are accepted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from tests.worker.training.methods.ppo.toy import toy_tokenizer
from worker.training.methods.reward_functions import rewards_of
from worker.training.run.ratings import encode_rating, pad_ratings, pad_token_id
from worker.training.shared.training_errors import Diverged

TEMPLATE = "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}"


def loaded(tokenizer: PreTrainedTokenizerFast, positions: int | None = None) -> Any:
    config = SimpleNamespace() if positions is None else SimpleNamespace(max_position_embeddings=positions)
    return SimpleNamespace(tokenizer=tokenizer, model=SimpleNamespace(config=config))


def ids(text: str) -> list[int]:
    return list(toy_tokenizer()(text, add_special_tokens=False).input_ids)


def test_a_decoder_reads_the_text_closed_by_one_end_and_cut_at_its_beginning() -> None:
    tokenizer = toy_tokenizer()
    whole = [*ids("bad red"), *ids("well"), tokenizer.eos_token_id]
    assert encode_rating(loaded(tokenizer), "bad red", "well") == {"input_ids": whole}
    assert encode_rating(loaded(tokenizer, 3), "bad red", "well") == {"input_ids": whole[-3:]}
    tokenizer.model_max_length = 2
    assert encode_rating(loaded(tokenizer, 3), "bad red", "well") == {"input_ids": whole[-2:]}
    tokenizer = toy_tokenizer()
    tokenizer.eos_token = None
    assert encode_rating(loaded(tokenizer), "bad red", "well") == {"input_ids": whole[:-1]}


def test_a_chat_model_reads_the_conversation_in_its_template() -> None:
    tokenizer = toy_tokenizer()
    tokenizer.chat_template = TEMPLATE
    asked, said = [{"role": "user", "content": "bad"}], [{"role": "assistant", "content": "well"}]
    whole = ids("user bad assistant well")
    assert encode_rating(loaded(tokenizer), asked, said) == {"input_ids": whole}
    assert encode_rating(loaded(tokenizer, 2), asked, said) == {"input_ids": whole[-2:]}


def test_an_encoder_reads_a_pair_of_which_the_longer_part_is_cut_at_its_end() -> None:
    tokenizer = toy_tokenizer()
    tokenizer.cls_token, tokenizer.sep_token = "good", "bad"
    pair = encode_rating(loaded(tokenizer), "red blue one two", "well")
    assert pair["input_ids"] == [*ids("red blue one two"), *ids("well")]
    short = encode_rating(loaded(tokenizer, 3), "red blue one two", "well")
    assert short["input_ids"] == [*ids("red blue"), *ids("well")]


def test_rows_are_padded_on_the_right_with_a_mask() -> None:
    rows = [{"input_ids": [5, 6, 7], "token_type_ids": [0, 0, 1]}, {"input_ids": [8], "token_type_ids": [1]}]
    batch = {name: values.tolist() for name, values in pad_ratings(rows, 9).items()}
    assert batch == {
        "input_ids": [[5, 6, 7], [8, 9, 9]],
        "attention_mask": [[1, 1, 1], [1, 0, 0]],
        "token_type_ids": [[0, 0, 1], [1, 0, 0]],
    }
    assert set(pad_ratings([{"input_ids": [1]}], 0)) == {"input_ids", "attention_mask"}
    assert pad_token_id(loaded(toy_tokenizer())) == 0
    assert pad_token_id(SimpleNamespace(tokenizer=SimpleNamespace(pad_token_id=4))) == 4  # type: ignore[arg-type]
    assert pad_token_id(SimpleNamespace(tokenizer=SimpleNamespace(pad_token_id=None))) == 0  # type: ignore[arg-type]


def test_rewards_are_one_finite_number_for_each_text() -> None:
    seen: list[Any] = []

    def reward(prompts: Any, completions: Any) -> list[Any]:
        seen.append((prompts, completions))
        return ["1.5", 2]

    assert rewards_of(reward, ["p", "q"], ["a", "b"]) == [1.5, 2.0]
    assert seen == [(["p", "q"], ["a", "b"])]
    with pytest.raises(Diverged) as refusal:
        rewards_of(reward, ["p"], ["a"])
    assert str(refusal.value) == "The reward function gave 2 numbers for 1 texts."
    with pytest.raises(Diverged) as refusal:
        rewards_of(lambda *_: [1, float("nan")], ["p", "q"], ["a", "b" * 99])
    assert str(refusal.value) == f"The reward of {'b' * 80!r} is nan, which cannot be learned from."
