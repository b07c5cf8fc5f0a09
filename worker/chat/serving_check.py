"""The check that a trained adapter can be served, and that what it then answers has not fallen apart.

The adapter is converted as the generation process would do it, into the same cache, so that it serves at once. Then the
converted form, and that of its parent, answer a few instructions, always with the likeliest token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from app.config import Settings
from models.chat.conversation import Message
from models.chat.engine import ChatEngine, Draw
from models.chat.forms import form_of, keep_newest
from models.chat.source import ChatSource
from models.chat.writing import Answer, AnswerRequest, Event
from worker.chat.conversion import convert

INSTRUCTIONS = (
    "Name three things that grow in a garden.",
    "Explain in two sentences why the sea is salty.",
    "Write a short message that thanks a neighbour for help.",
    "How do I boil an egg?",
    "What should I pack for a day in the mountains?",
    "Give me one argument for getting up early and one against it.",
)
"""What every version is asked before it may serve."""

_TOKENS = 64
_SOME_WORDS = 12
"""An answer of fewer words cannot be told to repeat itself."""
_REPEATED = 0.5
"""An answer repeats itself if so large a share of its runs of three words has been there before."""


def check_answers(
    base: Path, parent: Path | None, version: Path, settings: Settings, log: Callable[[str], None]
) -> dict[str, object]:
    """Convert the adapter in `version` of the model in `base`, and return metrics of it and of its `parent`'s answers.

        parity               the largest difference of a token's log-probability from the trained model, in nats
        answers_degenerate   how many of `answers_asked` are empty or repeat themselves; the parent's: parent_…

    Raises LoadError if it cannot be served.
    """
    gaps: list[float] = []

    precision, cache = settings.serving_compute_type, settings.home / "cache" / "chat"

    def converted(source: ChatSource, target: Path) -> None:
        gaps.append(convert(source, target, precision))

    def degenerate(adapter: Path | None) -> int:
        form = form_of(ChatSource(base, adapter), precision, cache, converted)
        engine = ChatEngine(form, "check", compute_type=precision, threads=settings.serving_threads or 2)
        return sum(is_degenerate(_answer(engine, instruction)) for instruction in INSTRUCTIONS)

    found: dict[str, object] = {"answers_asked": len(INSTRUCTIONS), "answers_degenerate": degenerate(version)}
    if gaps:
        found["parity"] = gaps[0]
        log(f"The served form agrees with the trained one to {gaps[0]:.1e} nats a token.")
    found["parent_answers_degenerate"] = degenerate(parent)
    keep_newest(cache, settings.chat_models_in_memory)
    return found


def is_degenerate(answer: str) -> bool:
    """Return whether an answer is empty, or mostly what it has said before."""
    words = answer.split()
    if len(words) < _SOME_WORDS:
        return not words
    runs = Counter(zip(words, words[1:], words[2:], strict=False))
    return 1 - len(runs) / runs.total() >= _REPEATED


def _answer(engine: ChatEngine, instruction: str) -> str:
    """Return the likeliest answer, token by token."""
    messages = (Message("user", instruction),)
    request = AnswerRequest(messages, count=1, max_tokens=_TOKENS, temperature=1.0, top_k=1)
    told: list[Event] = []
    engine.write([Draw(request, told.append, lambda: False, engine.reader.tokens(messages, _TOKENS))])
    [answer] = [event for event in told if isinstance(event, Answer)]
    return answer.text
