"""The chat model that a package ships is converted and answers a question."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.chat.three_answers import unpacked
from models.chat.conversation import Message
from models.chat.engine import ChatEngine, Draw
from models.chat.source import ChatSource
from models.chat.writing import Answer, AnswerRequest, Event
from worker.chat.conversion import convert


@pytest.mark.slow
def test_smollm_answers_a_question_three_times(tmp_path: Path) -> None:
    assert convert(ChatSource(unpacked(tmp_path / "model")), tmp_path / "form", "float32") < 1e-3
    engine = ChatEngine(tmp_path / "form", "smol", compute_type="float32", threads=2)
    request = AnswerRequest(
        (Message("user", "What is the capital of France?"),), seed=1, max_tokens=60, temperature=0.5
    )
    told: list[Event] = []
    tokens = engine.reader.tokens(request.messages, request.max_tokens)
    engine.write([Draw(request, told.append, lambda: False, tokens)])
    answers = [event for event in told if isinstance(event, Answer)]
    assert len({answer.text for answer in answers}) == 3
    assert any("Paris" in answer.text for answer in answers)
