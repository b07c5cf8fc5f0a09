"""Answers of a chat model: drawn at once, by seed, all different, told while they come, and with their likelihood."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import ctranslate2
import pytest

from models.chat.conversation import Message
from models.chat.engine import ChatEngine, Draw
from models.chat.writing import ROUNDS, Again, Answer, AnswerRequest, Event, Piece
from models.model_errors import LoadError

REQUEST = AnswerRequest((Message("user", "What is new?"),), count=3, max_tokens=12, temperature=1.0)


def draw_of(engine: ChatEngine, request: AnswerRequest) -> tuple[Draw, list[Event]]:
    """A draw, and the list of what it tells."""
    told: list[Event] = []
    return Draw(request, told.append, lambda: False, engine.reader.tokens(request.messages, request.max_tokens)), told


def answers(told: list[Event]) -> list[Answer]:
    return [event for event in told if isinstance(event, Answer)]


def written(engine: ChatEngine, request: AnswerRequest) -> list[Event]:
    draw, told = draw_of(engine, request)
    engine.write([draw])
    return told


def test_three_answers_differ_and_each_is_told_in_pieces_before_it_is_whole(engine: ChatEngine) -> None:
    told = written(engine, REQUEST)
    assert [one.answer for one in answers(told)] == [0, 1, 2]
    assert len({one.text for one in answers(told)}) == 3
    counts = []
    for one in answers(told):
        last = max((place for place, event in enumerate(told) if event == Again(one.answer)), default=-1)
        pieces = [event for event in told[last + 1 :] if isinstance(event, Piece) and event.answer == one.answer]
        counts.append(len(pieces))
        assert "".join(piece.text for piece in pieces).rstrip() == one.text
    assert max(counts) > 3


def test_the_same_seed_gives_the_same_answers_whatever_was_drawn_before(engine: ChatEngine) -> None:
    seeded = replace(REQUEST, seed=7)
    first = answers(written(engine, seeded))
    assert answers(written(engine, REQUEST)) != first
    assert answers(written(engine, seeded)) == first
    assert answers(written(engine, replace(REQUEST, seed=8))) != first


def test_a_request_without_a_seed_is_not_drawn_with_the_seed_of_another(form: Path) -> None:
    drawn = []
    for _ in range(2):
        engine = ChatEngine(form, "tiny", compute_type="float32", threads=1)
        written(engine, replace(REQUEST, seed=7))
        drawn.append(answers(written(engine, REQUEST)))
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("temperature", [0.5, 1.5])
def test_the_log_probability_is_that_of_the_model_at_temperature_1(
    engine: ChatEngine, form: Path, temperature: float
) -> None:
    request = replace(REQUEST, temperature=temperature, top_p=1.0, seed=3)
    prompt = engine.reader.tokens(request.messages, request.max_tokens)
    spelt: dict[int, list[int]] = {0: [], 1: [], 2: []}
    generator = engine._load(3)
    generator.generate_batch(  # what the engine does, tokens kept
        [prompt],
        num_hypotheses=3,
        max_length=request.max_tokens,
        end_token=sorted(engine.reader.ends),
        include_prompt_in_result=False,
        sampling_temperature=temperature,
        sampling_topk=0,
        callback=lambda step: bool(spelt[step.hypothesis_id].append(step.token_id)),  # type: ignore[func-returns-value]
    )
    scorer = ctranslate2.Generator(str(form), device="cpu", compute_type="float32")
    for one in answers(written(engine, request)):
        tokens = [engine.reader.tokenizer.id_to_token(number) for number in spelt[one.answer]]
        [scored] = scorer.score_batch([[*prompt, *tokens]], max_input_length=0)
        assert one.tokens == len(tokens)
        assert one.log_probability == pytest.approx(sum(scored.log_probs[len(prompt) - 1 :]), abs=1e-3)


def test_equal_answers_are_drawn_again_a_bounded_number_of_times(engine: ChatEngine) -> None:
    told = written(engine, replace(REQUEST, temperature=0.01, top_k=2))
    again = Counter(event.answer for event in told if isinstance(event, Again))
    assert set(again) >= {1, 2}
    assert set(again.values()) == {ROUNDS - 1}
    assert len({one.text for one in answers(told)}) == 1


def test_an_answer_that_the_limit_ended_says_so(engine: ChatEngine) -> None:
    assert {(one.ended, one.tokens) for one in answers(written(engine, REQUEST))} == {("length", 12)}


def test_what_nobody_waits_for_is_not_written_to_its_end(engine: ChatEngine) -> None:
    told: list[Event] = []
    tokens = engine.reader.tokens(REQUEST.messages, 400)
    engine.write([Draw(replace(REQUEST, max_tokens=400), told.append, lambda: len(told) > 5, tokens)])
    assert 5 < len(told) < 20
    assert answers(told) == []


def test_conversations_that_share_a_call_get_answers_of_their_own(engine: ChatEngine) -> None:
    other = replace(REQUEST, messages=(Message("user", "And what is old?"),))
    (first, told), (second, told_too) = draw_of(engine, REQUEST), draw_of(engine, other)
    assert engine.fits([first], second)
    engine.write([first, second])
    assert len(answers(told)) == len(answers(told_too)) == 3
    assert {one.text for one in answers(told)}.isdisjoint(one.text for one in answers(told_too))


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.5},
        {"max_tokens": 13},
        {"seed": 1},
        {"messages": (Message("user", "What is new? " * 9),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_requests_of_another_kind_do_not_share_a_call(engine: ChatEngine, change: dict[str, object]) -> None:
    first, _ = draw_of(engine, REQUEST)
    other, _ = draw_of(engine, replace(REQUEST, **change))  # type: ignore[arg-type]
    assert not engine.fits([first], other)


def test_a_damaged_form_is_refused(form: Path, tmp_path: Path) -> None:
    for name in ("chat.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((form / name).read_bytes())
    with pytest.raises(LoadError, match="cannot be loaded"):
        ChatEngine(tmp_path, "damaged", compute_type="float32", threads=1)
