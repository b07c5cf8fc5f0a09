"""The text of an answer in pieces, while its tokens come: never a part of a character."""

from __future__ import annotations

from tokenizers import Tokenizer

from models.chat.writing import visible

_HALF = "\ufffd"
"""What the tokenizer decodes bytes to that are no whole character, yet or at all."""


class Pieces:
    """The tokens of one answer; what they spell is returned as soon as it is whole.

    A token is decoded together with those of the piece before, because what it spells may depend on them: a space, or
    the other bytes of a character.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._tokens: list[int] = []
        self._before = 0
        self._told = 0
        self.text = ""

    def add(self, token: int) -> str:
        """Return the text that can be told now that this token has come, often that of the token, maybe none."""
        self._tokens.append(token)
        told = self._decode(self._tokens[self._before : self._told])
        now = self._decode(self._tokens[self._before :])
        if len(now) <= len(told) or now.endswith(_HALF):
            return ""
        self._before, self._told = self._told, len(self._tokens)
        piece = visible(now[len(told) :])
        if not self.text:
            piece = piece.lstrip()
        self.text += piece
        return piece

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._tokenizer.decode(tokens)
        return text
