"""Rendering of data rows for a model, and their token ids.

A chat model gets messages, which its own chat template turns into text; every other model gets plain text. So one file
of preference pairs trains a T5, a chat model and a reward model alike.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerBase

from worker.training.loading.loading import Loaded
from worker.training.shared.checkpoint import encode
from worker.training.shared.training_errors import ConversationRefused

Row = dict[str, Any]
Text = Any
"""A string, or a list of messages with `role` and `content`."""

_COMPLETIONS = ("chosen", "rejected", "completion")
_SPEAKERS = {"user": "Human", "assistant": "Assistant"}


def is_chat(loaded: Loaded) -> bool:
    """Return True if the model has a chat template."""
    return loaded.architecture != "seq2seq" and bool(loaded.tokenizer.chat_template)


def render(rows: Sequence[Row], loaded: Loaded) -> list[dict[str, Any]]:
    """Return `rows` with their texts in the form that the model takes; other columns are kept."""
    chat = is_chat(loaded)
    rendered = []
    for row in rows:
        texts: dict[str, Text] = {}
        for name in ("prompt", *_COMPLETIONS):
            if name in row:
                role = "user" if name == "prompt" else "assistant"
                texts[name] = as_messages(row[name], role) if chat else as_text(row[name])
        rendered.append({**row, **texts})
    return rendered


def as_messages(text: Text, role: str) -> list[dict[str, str]]:
    """Return a text as one message of `role`; return messages as they are."""
    return [{"role": role, "content": text}] if isinstance(text, str) else [dict(message) for message in text]


def as_text(text: Text) -> str:
    """Return messages as plain text: a single one by its content alone, a conversation with named speakers.

    System messages come first.
    """
    if isinstance(text, str):
        return text
    system = [message["content"] for message in text if message["role"] == "system"]
    others = [message for message in text if message["role"] != "system"]
    if len(others) == 1:
        return "\n\n".join([*system, others[0]["content"]])
    turns = [f"{_SPEAKERS.get(message['role'], message['role'])}: {message['content']}" for message in others]
    return "\n\n".join([*system, *turns, "Assistant:"])


def texts_of(row: Row) -> tuple[str, ...]:
    """Return the prompt of a row and its completions, as text."""
    return tuple(as_text(row[name]) for name in ("prompt", *_COMPLETIONS) if name in row)


def token_ids(loaded: Loaded, prompt: Text, completion: Text) -> tuple[list[int], list[int]]:
    """Return the token ids of a rendered prompt and its completion, as a trainer feeds them to the model.

    A seq2seq model encodes the first and decodes the second, both closed by EOS; a decoder-only model continues the
    first with the second.
    """
    tokenizer: PreTrainedTokenizerBase = loaded.tokenizer
    if loaded.architecture == "seq2seq":
        return encode(tokenizer, prompt), encode(tokenizer, completion)  # type: ignore[arg-type]
    if isinstance(prompt, str):
        before = tokenizer(prompt).input_ids
        return before, [*tokenizer(completion, add_special_tokens=False).input_ids, tokenizer.eos_token_id]
    return chat_token_ids(tokenizer, prompt, completion)


def chat_token_ids(
    tokenizer: PreTrainedTokenizerBase, prompt: Sequence[Mapping[str, str]], completion: Sequence[Mapping[str, str]]
) -> tuple[list[int], list[int]]:
    """Return the token ids of a conversation and of the answer that continues it; raises `ConversationRefused`."""
    before = _chat_ids(tokenizer, prompt, add_generation_prompt=True)
    whole = _chat_ids(tokenizer, [*prompt, *completion])
    # A template may open the completion differently in its generation prompt, for example with a thought: their common
    # prefix is the prompt.
    common = next((place for place, (a, b) in enumerate(zip(before, whole, strict=False)) if a != b), len(before))
    return whole[:common], whole[common:]


def prompt_ids(loaded: Loaded, prompt: Text) -> list[int]:
    """Return the token ids of a rendered prompt alone, ready for generation."""
    if loaded.architecture == "seq2seq":
        return encode(loaded.tokenizer, prompt)  # type: ignore[arg-type]
    if isinstance(prompt, str):
        ids: list[int] = loaded.tokenizer(prompt).input_ids
        return ids
    return _chat_ids(loaded.tokenizer, prompt, add_generation_prompt=True)


def _chat_ids(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = False
) -> list[int]:
    try:
        text = tokenizer.apply_chat_template(
            [dict(message) for message in messages], add_generation_prompt=add_generation_prompt, tokenize=False
        )
    except TemplateError as error:  # templates say themselves what they do not take, such as system messages
        raise ConversationRefused(f"The model's chat template refuses it: {str(error).rstrip('.')}.") from error
    ids: list[int] = tokenizer(text, add_special_tokens=False).input_ids
    return ids
