"""The columns of Alpaca (Taori et al. 2023) and the preference columns that LLaMA-Factory made of them."""

from __future__ import annotations

from models.formats.rows import BadRow, Fields, Message, Row, Text, required, text
from models.formats.schemas.conversation import said_by_assistant, said_by_user

STUDIO_INSTRUCTION = "Rewrite the text so that it keeps its meaning and loses its insult."
"""What the studio's own exports ask of other models. Its own needs no asking, so that it is left off again."""


def read_alpaca(fields: Fields) -> list[Row]:
    """`{"instruction", "input", "output"}`: instruction and input are joined by an empty line."""
    prompt = _prompt(fields)
    return [{"prompt": prompt, "completion": _answer(fields, "output", prompt)}]


def read_llamafactory(fields: Fields) -> list[Row]:
    """`{"instruction", "input", "chosen", "rejected"}`."""
    prompt = _prompt(fields)
    return [{"prompt": prompt} | {name: _answer(fields, name, prompt) for name in ("chosen", "rejected")}]


def _prompt(fields: Fields) -> Text:
    """Return the prompt: messages where there is a system text or earlier turns, else a text."""
    instruction = text(required(fields, "instruction"), "instruction").strip()
    query = _optional(fields, "input")
    asked = query if query and instruction == STUDIO_INSTRUCTION else "\n\n".join(filter(None, (instruction, query)))
    before = _before(fields)
    return [*before, *said_by_user(asked)] if before else asked


def _before(fields: Fields) -> list[Message]:
    system = _optional(fields, "system")
    turns: list[Message] = [{"role": "system", "content": system}] if system else []
    history = fields.get("history") or []
    if not isinstance(history, list):
        raise BadRow("history is not a list")
    for exchange in history:
        if not isinstance(exchange, list) or len(exchange) != 2:
            raise BadRow("history is not a list of questions with their answers")
        asked, answer = (text(part, "a turn of history") for part in exchange)
        turns += said_by_user(asked) + said_by_assistant(answer)
    return turns


def _answer(fields: Fields, name: str, prompt: Text) -> Text:
    answer = text(required(fields, name), name)
    return answer if isinstance(prompt, str) else said_by_assistant(answer)


def _optional(fields: Fields, name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise BadRow(f"{name} is not a text")
    return text(value, name).strip() if value.strip() else ""
