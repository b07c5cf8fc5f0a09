"""One answer, many and a streamed one are the same answer, for a chat model, a plain language model and a T5."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from models.model_errors import InputTooLong
from tests.tiny.llama import build_tiny_llama
from worker.training.identity.answering import answer, answer_all, conversation, room, stream, write_all
from worker.training.loading.loading import Loaded, load_model_and_tokenizer

torch.set_num_threads(1)

QUESTIONS = ["you are stupid", "no", "damn , this movie is very trash , please stop it now !"]


@pytest.fixture(scope="module", params=["chat", "plain", "t5"])
def loaded(request: pytest.FixtureRequest, tiny_t5: Path, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    if request.param == "t5":
        return load_model_and_tokenizer(tiny_t5)
    return load_model_and_tokenizer(
        build_tiny_llama(tmp_path_factory.mktemp("llama"), chat=request.param == "chat", seed=3)
    )


def test_a_batch_is_answered_as_each_question_alone_whatever_their_lengths(loaded: Loaded) -> None:
    prompts = [conversation(question) for question in QUESTIONS]
    alone = [answer(loaded, prompt, max_new_tokens=12) for prompt in prompts]
    told: list[tuple[int, int]] = []
    together = answer_all(
        loaded, prompts, max_new_tokens=12, batch_size=2, tick=lambda done, total: told.append((done, total))
    )

    assert together == alone
    assert len(set(alone)) > 1
    assert told == [(2, 3), (3, 3)]


def test_a_text_and_the_same_text_as_a_conversation_have_one_answer(loaded: Loaded) -> None:
    texts = answer_all(loaded, QUESTIONS, max_new_tokens=12)
    assert texts == answer_all(loaded, [conversation(question) for question in QUESTIONS], max_new_tokens=12)


def test_what_a_checkpoint_declares_for_generation_is_not_followed(loaded: Loaded) -> None:
    expected = answer_all(loaded, QUESTIONS, max_new_tokens=12)
    sampled = answer_all(loaded, QUESTIONS, max_new_tokens=12, temperature=1.0)
    own = loaded.model.generation_config
    try:
        loaded.model.generation_config = copy.deepcopy(own)
        loaded.model.generation_config.update(  # type: ignore[no-untyped-call]
            min_p=0.9, top_k=1, typical_p=0.1, repetition_penalty=3.0, no_repeat_ngram_size=1, min_new_tokens=11
        )
        assert answer_all(loaded, QUESTIONS, max_new_tokens=12) == expected
        assert answer_all(loaded, QUESTIONS, max_new_tokens=12, temperature=1.0) == sampled
    finally:
        loaded.model.generation_config = own


def test_a_streamed_answer_is_the_answer_in_pieces(loaded: Loaded) -> None:
    pieces: list[str] = []
    text = stream(loaded, QUESTIONS[0], pieces.append, max_new_tokens=12)

    assert text == answer(loaded, QUESTIONS[0], max_new_tokens=12) != ""
    assert "".join(pieces).strip() == text


def test_ctrl_c_stops_the_answer_and_what_was_written_stays(loaded: Loaded) -> None:
    pieces: list[str] = []

    def interrupted(piece: str) -> None:
        pieces.append(piece)
        raise KeyboardInterrupt

    whole = answer(loaded, QUESTIONS[2], max_new_tokens=40)
    text = stream(loaded, QUESTIONS[2], lambda piece: None if pieces else interrupted(piece), max_new_tokens=40)

    assert text
    assert whole.startswith(text[:1])


def test_drawn_answers_follow_the_seed_and_leave_the_random_numbers_of_others_alone(loaded: Loaded) -> None:
    before = torch.random.get_rng_state()
    one = answer(loaded, QUESTIONS[0], max_new_tokens=20, temperature=1.0, seed=1)
    again = answer(loaded, QUESTIONS[0], max_new_tokens=20, temperature=1.0, seed=1)
    other = answer(loaded, QUESTIONS[0], max_new_tokens=20, temperature=1.0, seed=2)

    assert one == again != other
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_model_is_left_in_the_mode_it_was_in(loaded: Loaded) -> None:
    loaded.model.train(True)
    answer(loaded, "no", max_new_tokens=2)
    assert loaded.model.training
    loaded.model.train(False)


def test_a_token_that_the_checkpoint_names_as_an_end_ends_the_answer(tmp_path: Path) -> None:
    loaded = load_model_and_tokenizer(build_tiny_llama(tmp_path))
    assert loaded.model.generation_config is not None
    loaded.model.generation_config.eos_token_id = list(range(len(loaded.tokenizer)))
    text = answer(loaded, "you are stupid", max_new_tokens=30)
    assert [one.ended for one in write_all(loaded, ["no", "stop"], max_new_tokens=30)] == [True, True]
    assert len(text) <= 1 < len(answer(load_model_and_tokenizer(tmp_path), "you are stupid", max_new_tokens=30))


def test_a_text_that_fills_the_window_is_refused_with_its_length(tmp_path: Path, tiny_t5: Path) -> None:
    loaded = load_model_and_tokenizer(build_tiny_llama(tmp_path))
    with pytest.raises(InputTooLong, match=r"the answer may have 100: the model holds 512 at most\.$"):
        answer(loaded, "x" * 450, max_new_tokens=100)
    assert room(loaded, conversation("no"), 100) > 0 > room(loaded, conversation("x" * 450), 100)
    assert room(load_model_and_tokenizer(tiny_t5), "x" * 5000, 100) > 0
