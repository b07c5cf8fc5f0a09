"""A chat template: the text that a model reads for a conversation, from the Jinja template that comes with it.

Templates come with models from anywhere, so they run in Jinja's sandbox, with the few additions that transformers
gives them.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models.chat.conversation import Message
from models.model_errors import AnswersRefused, LoadError


class ChatTemplate:
    """A compiled template, with the special tokens that it may name, such as `bos_token`.

    `forbidden` are tokens that no message may hold.
    """

    def __init__(self, source: str, special_tokens: Mapping[str, str], forbidden: Collection[str] = ()) -> None:
        """Compile; raises LoadError if the template cannot be read."""
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals |= {"raise_exception": _refuse, "strftime_now": _now}
        environment.filters["tojson"] = _as_json
        self._special_tokens = dict(special_tokens)
        self._forbidden = sorted(forbidden, key=len, reverse=True)
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise LoadError(f"The model's chat template cannot be read: {error}.") from None

    def render(self, messages: Sequence[Message]) -> str:
        """Return the conversation as the model reads it, up to where its answer begins; raises AnswersRefused.

        Forbidden tokens within a message are left out: a text cannot end its own turn.
        """
        plain = [{"role": message.role, "content": self._plain(message.content)} for message in messages]
        try:
            return self._template.render(messages=plain, add_generation_prompt=True, **self._special_tokens)
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise AnswersRefused(f"The model's chat template does not take this conversation: {error}.") from None

    def _plain(self, text: str) -> str:
        """Return a text without forbidden tokens, also those that come to be when others are taken out."""
        while any(token in text for token in self._forbidden):
            for token in self._forbidden:
                text = text.replace(token, "")
        return text


def _refuse(reason: str) -> NoReturn:
    raise TemplateError(reason.rstrip("."))


def _now(form: str) -> str:
    return datetime.datetime.now().strftime(form)


def _as_json(value: Any, ensure_ascii: bool = False, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)
