"""A conversation with a model at a terminal, or through a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.model_errors import InputTooLong
from worker.training.identity.answering import conversation, room, stream
from worker.training.loading.loading import Loaded
from worker.training.loading.rendering import is_chat
from worker.training.shared.writing import check_new, write_aside

_PROMPT = "> "


class TerminalChat:
    """A conversation so far, and the settings by which the next answer is written."""

    def __init__(
        self,
        loaded: Loaded,
        system: str = "",
        *,
        max_new_tokens: int,
        temperature: float,
        top_p: float,
        seed: int,
        help: str = "",
    ) -> None:
        self.loaded = loaded
        self.messages: list[dict[str, str]] = []
        """The turns of the user and the assistant, in order."""
        self.system = system
        self._writing: dict[str, Any] = {"max_new_tokens": max_new_tokens, "temperature": temperature, "top_p": top_p}
        self._seed = seed
        self._help = help
        self._remembers = is_chat(loaded)
        self._live = sys.stdin.isatty()

    def talk(self) -> None:
        """Answer each line until there is no other."""
        if self._live:
            import readline  # noqa: F401  # gives input() a history and line editing

            what = "Ask anything" if self._remembers else "Each line is answered by itself"
            self._say(f"{what}. /help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves.")
        for line in self._lines():
            if line.startswith("/"):
                self._command(line)
            elif line:
                self.ask(line)

    def ask(self, question: str) -> str:
        """Write the answer to one question as it comes, and remember both."""
        asked = {"role": "user", "content": question}
        turns = [*self._fitting(asked), asked] if self._remembers else [asked]
        head = conversation("", self.system)[:-1]
        try:
            text = stream(self.loaded, [*head, *turns], self._write, seed=self._seed, **self._writing)
        except InputTooLong as error:
            self._say(str(error))
            return ""
        self._write("\n")
        self._seed += 1  # so that a question asked again may be answered otherwise
        if not text:
            self._say("(The model answers nothing.)")
        else:
            self.messages += [asked, {"role": "assistant", "content": text}]
        return text

    def save(self, path: Path) -> None:
        """Write what was said as JSON Lines: one conversation of a chat model, else each line with its answer."""
        check_new(path)
        if not self._remembers:
            pairs = zip(self.messages[::2], self.messages[1::2], strict=True)
            rows: list[Any] = [{"prompt": one["content"], "completion": other["content"]} for one, other in pairs]
        else:
            rows = [{"messages": [*conversation("", self.system)[:-1], *self.messages]}]
        write_aside(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def _command(self, line: str) -> None:
        name, _, rest = line.partition(" ")
        rest = rest.strip()
        if name == "/reset":
            self.messages.clear()
            self._say("A new conversation.")
        elif name == "/system":
            self.system = rest
            self.messages.clear()
            self._say(f"A new conversation under: {rest}" if rest else "A new conversation.")
        elif name == "/save" and rest:
            self._save(Path(rest).expanduser())
        elif name == "/save":
            self._say("Name a file: /save talk.jsonl")
        elif name == "/help":
            self._say(self._help.rstrip())
        else:
            self._say(f"There is no command {name}. /help lists them.")

    def _save(self, path: Path) -> None:
        if not self.messages:
            self._say("Nothing has been said yet.")
            return
        try:
            self.save(path)
        except OSError as error:
            self._say(str(error))
        else:
            self._say(f"Saved to {path}.")

    def _fitting(self, asked: dict[str, str]) -> list[dict[str, str]]:
        """The turns so far without the oldest, where all would not fit into the model's window."""
        head = conversation("", self.system)[:-1]
        turns = list(self.messages)
        while turns and room(self.loaded, [*head, *turns, asked], self._writing["max_new_tokens"]) < 0:
            turns = turns[2:]
        if len(turns) < len(self.messages):
            self._say(f"(The oldest {(len(self.messages) - len(turns)) // 2} questions no longer fit.)")
            self.messages = turns
        return turns

    def _lines(self) -> Iterator[str]:
        while True:
            try:
                line = input(_PROMPT) if self._live else sys.stdin.readline()
            except KeyboardInterrupt:
                if not self._live:
                    return
                self._say("\nCtrl-D leaves.")
                continue
            except EOFError:
                self._write("\n")
                return
            except UnicodeDecodeError:
                self._say("That is not text in UTF-8.")
                continue
            if not line and not self._live:
                return
            yield line.strip()

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def _say(self, sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)
