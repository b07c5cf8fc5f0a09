"""How a chat model reads: its tokenizer, its template, where its answers end, and how much it takes at once.

`describe` writes what is known of these in a model's folder into one small file, chat.json, beside the converted model,
which needs nothing else but tokenizer.json.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from models.chat.conversation import Message
from models.chat.template import ChatTemplate
from models.model_errors import AnswersRefused, ConversationRefused, LoadError

CHAT_FILE = "chat.json"
TOKENIZER_FILE = "tokenizer.json"


class Reader:
    """What turns conversations into tokens, read from a folder that holds chat.json and tokenizer.json."""

    def __init__(self, folder: Path) -> None:
        """Read; raises LoadError."""
        try:
            said = json.loads((folder / CHAT_FILE).read_text(encoding="utf-8"))
            self.tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
            self.positions = int(said["positions"])
            self.ends = frozenset(map(int, said["ends"]))
            source, special = said["template"], said["special_tokens"]
        except Exception as error:  # the tokenizer raises bare exceptions for damaged files
            raise LoadError(f"{folder} cannot be read as a chat model: {error}") from error
        added = self.tokenizer.get_added_tokens_decoder().values()
        self._template = ChatTemplate(source, special, [token.content for token in added if token.special])

    def tokens(self, messages: Sequence[Message], max_tokens: int) -> list[str]:
        """Return the conversation as tokens, up to where the answer begins.

        Raises ConversationRefused, also where the model cannot hold it and an answer of `max_tokens`: nothing is cut.
        """
        text = self._template.render(messages)
        tokens: list[str] = self.tokenizer.encode(text, add_special_tokens=False).tokens
        if not tokens:
            raise AnswersRefused("The model's chat template makes nothing of this conversation.")
        if len(tokens) + max_tokens > self.positions:
            raise ConversationRefused(
                f"The conversation has {len(tokens):,} tokens and an answer may have {max_tokens:,}, but the model "
                f"holds {self.positions:,}: begin a new conversation, or ask for a shorter answer."
            )
        return tokens


def describe(model: Path, target: Path) -> None:
    """Write chat.json and tokenizer.json of the model in `model` to `target`; raises LoadError.

    Refused is what has no chat template, no tokenizer.json, or nothing that ends an answer.
    """
    config = _json(model / "config.json")
    options = _json(model / "tokenizer_config.json")
    template = _template(model, options)
    if not template:
        raise LoadError(f"{model} has no chat template, so it is no chat model: choose an instruction-tuned one.")
    try:
        tokenizer = Tokenizer.from_file(str(model / TOKENIZER_FILE))
    except Exception as error:  # a bare exception, also for a missing file
        raise LoadError(f"{model} has no tokenizer.json that can be read: {error}") from error
    special = {name: _content(options.get(name)) for name in ("bos_token", "eos_token", "unk_token", "pad_token")}
    generation = _json(model / "generation_config.json") if (model / "generation_config.json").exists() else {}
    ends = {*_ids(config.get("eos_token_id")), *_ids(generation.get("eos_token_id"))}
    ends |= _ids(tokenizer.token_to_id(special["eos_token"]) if special["eos_token"] else None)
    if not ends:
        raise LoadError(f"{model} names no token that ends an answer.")
    positions = config.get("max_position_embeddings") or config.get("n_positions")
    if not isinstance(positions, int):
        raise LoadError(f"{model} does not say how many tokens it holds.")
    said = {
        "template": template,
        "special_tokens": {name: token for name, token in special.items() if token},
        "ends": sorted(ends),
        "positions": positions,
    }
    tokenizer.save(str(target / TOKENIZER_FILE))
    (target / CHAT_FILE).write_text(json.dumps(said, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _template(model: Path, options: dict[str, Any]) -> str:
    """Return the template, of several the one that is named default; empty if there is none."""
    file = model / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    found = options.get("chat_template") or ""
    if isinstance(found, list):
        found = next((one.get("template", "") for one in found if one.get("name") == "default"), "")
    return found if isinstance(found, str) else ""


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoadError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise LoadError(f"{path} is no JSON object.")
    return found


def _content(token: Any) -> str:
    """Return a special token's text, which some files hold in an object of its own."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else ""


def _ids(found: Any) -> set[int]:
    return {one for one in (found if isinstance(found, list) else [found]) if isinstance(one, int)}
