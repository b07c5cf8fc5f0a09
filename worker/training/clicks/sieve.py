"""Which clicks a method can train on, told from their tokens.

A pair that cannot be trained on costs itself and not the run: it is left out, and named with its judgment. Such pairs
come about by an edit that only the eye of a machine tells from the card (a non-breaking space for a space), by a text
that spells a special token of the model, and by texts that are longer than the settings allow. The end of sequence and
the padding are no reason by themselves: `encode` drops them from every text.
"""

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.settings.clicks import ClickOptions
from worker.training.shared.checkpoint import encode, load_tokenizer
from worker.training.shared.examples import MarkedText, PreferenceExample

NAMED = 20
"""The most left-out judgments that the log of a run names; the others are counted."""
_QUOTED = 40
_TEXTS_REMEMBERED = 4096  # the texts of a screen come in several pairs


@dataclass(frozen=True)
class LeftOut:
    """A pair or text that is not trained on: its judgment (None if the reward head labelled it), a quote, the reason.

    The reason completes "it has ...".
    """

    judgment: int | None
    quote: str
    reason: str


class Sieve:
    """Keeps the clicks that can be trained on from a version with the settings of a method; `left_out` are the others.

    `parent_dir` is the folder of the version's model, or a hub id. `tokens` returns the token ids of a text, as its
    tokenizer reads it. Raises `CheckpointError`.
    """

    def __init__(self, parent_dir: Path | str, options: ClickOptions) -> None:
        tokenizer = load_tokenizer(parent_dir)
        dropped = (tokenizer.eos_token_id, tokenizer.pad_token_id)
        added = tokenizer.added_tokens_decoder
        self._special = [token.content for number, token in added.items() if token.special and number not in dropped]
        self.tokens = functools.lru_cache(_TEXTS_REMEMBERED)(functools.partial(encode, tokenizer))
        self._options: Any = options  # each method on clicks has limits of length
        self.left_out: list[LeftOut] = []

    def pairs(self, examples: Iterable[PreferenceExample]) -> list[PreferenceExample]:
        """Return the pairs that can be trained on, in order."""
        kept = []
        for example in examples:
            reason = self.reason_against(example.prompt, example.chosen, example.rejected)
            if reason is None and self.tokens(example.chosen) == self.tokens(example.rejected):
                reason = "chosen and rejected texts that are the same to the model"
            if reason is None:
                kept.append(example)
            else:
                self.left_out.append(LeftOut(example.click, example.chosen, reason))
        return kept

    def texts(self, marked: Sequence[MarkedText]) -> list[MarkedText]:
        """Return the marked texts that can be trained on, in order.

        A text that one judgment marks good and bad, as the tokenizer reads it, is left out on both sides.
        """
        marks: dict[tuple[int, tuple[int, ...]], set[bool]] = {}
        for one in marked:
            marks.setdefault((one.judgment, tuple(self.tokens(one.text))), set()).add(one.good)
        kept = []
        for one in marked:
            reason = self.reason_against(one.prompt, one.text)
            if reason is None and len(marks[one.judgment, tuple(self.tokens(one.text))]) > 1:
                reason = "good and bad texts that are the same to the model"
            if reason is None:
                kept.append(one)
            else:
                self.left_out.append(LeftOut(one.judgment, one.text, reason))
        return kept

    def reason_against(self, prompt: str, *completions: str) -> str | None:
        """Return what makes a prompt and its completions unfit for training, None if nothing does."""
        if self._is_empty(prompt):
            return "an empty prompt"
        if any(map(self._is_empty, completions)):
            return "an empty completion"
        special = next((one for one in self._special for text in (prompt, *completions) if one in text), None)
        if special is not None:
            return f"the model's special token {special} in a text"
        return self._too_long(self.tokens(prompt), max(map(self.tokens, completions), key=len))

    def _too_long(self, prompt: Sequence[int], completion: Sequence[int]) -> str | None:
        """Return which limit of the settings is exceeded, if one is."""
        options = self._options
        if len(prompt) > options.max_prompt_length and not options.cuts_prompts:
            return f"a prompt of more than {options.max_prompt_length} tokens"
        if len(completion) > options.max_completion_length:
            return f"a completion of more than {options.max_completion_length} tokens"
        return None

    def _is_empty(self, text: str) -> bool:
        return not text.strip() or len(self.tokens(text)) == 1  # the end of sequence alone


def counted(left_out: Iterable[LeftOut]) -> str:
    """Return how many pairs or texts were left out for each reason, as in "2 have an empty prompt"."""
    reasons = Counter(one.reason for one in left_out)
    return ", ".join(f"{count} have {reason}" for reason, count in reasons.items())


def named(left_out: Sequence[LeftOut]) -> list[str]:
    """Return a sentence for each judgment with pairs or texts that are left out, at most NAMED, and one for the rest.

    Those of no judgment are counted.
    """
    of_clicks = [one for one in left_out if one.judgment is not None]
    of_head = [one for one in left_out if one.judgment is None]
    quotes: dict[tuple[int | None, str], list[str]] = {}
    for one in of_clicks:
        quotes.setdefault((one.judgment, one.reason), []).append(one.quote)
    sentences = [
        f"Left out of the training: {len(texts)} of judgment {judgment} ({_quote(texts[0])}), with {reason}."
        for (judgment, reason), texts in list(quotes.items())[:NAMED]
    ]
    rest = list(quotes.values())[NAMED:]
    if rest:
        sentences.append(f"Left out of the training for such reasons: {sum(map(len, rest))} more.")
    if of_head:
        sentences.append(f"Left out of the pairs labelled by what the clicks say: {counted(of_head)}.")
    return sentences


def _quote(text: str) -> str:
    """Return the beginning of a text in quotation marks, in which invisible characters show."""
    short = text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"
    return repr(short)
