"""What a row asks, under which names, and which values are conversations."""

from __future__ import annotations

import json

import pytest

from app.services.exchange.incoming.row_prompts import asked_under, is_conversation, opened
from models.formats.rows import BadRow
from models.formats.schemas.conversation import Asked

TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
ASKED = {"role": "user", "content": "Why?"}


def test_a_cell_of_a_table_may_hold_messages_as_json() -> None:
    cell = json.dumps([*TURNS, ASKED])
    assert opened({"prompt": cell, "note": "[1]", "more": "[not json"}) == {
        "prompt": [*TURNS, ASKED],
        "note": "[1]",
        "more": "[not json",
    }
    assert asked_under({"prompt": cell}, "prompt") == Asked("Why?", tuple(TURNS))
    assert is_conversation(cell)
    assert not any(map(is_conversation, ("Why?", [], ["Why?"], [{"role": "user"}], "[]")))


def test_an_answer_at_the_end_is_left_off() -> None:
    assert asked_under({"talk": TURNS}, "talk") == Asked("Hi")


def test_turns_and_a_system_message_may_stand_beside_a_text() -> None:
    row: dict[str, object] = {"Text": "Why?", "Turns": TURNS, "System": " Be brief. "}
    assert asked_under(row, "Text") == Asked("Why?", tuple(TURNS), "Be brief.")
    assert asked_under(row | {"Turns": "[]", "System": ""}, "Text") == Asked("Why?")


@pytest.mark.parametrize("value", [7, None, {"a": 1}, [1]])
def test_what_is_neither_a_text_nor_a_conversation_is_refused(value: object) -> None:
    with pytest.raises(BadRow):
        asked_under({"text": value}, "text")


def test_tools_that_are_offered_to_the_model_are_refused() -> None:
    with pytest.raises(BadRow, match=r"^tools offers tools to the model, which is not supported$"):
        asked_under({"messages": [ASKED], "tools": [{"name": "clock"}]}, "messages")
