"""Which clicks a chat model can be trained on, told from the tokens of their conversations and answers.

A pair that cannot be trained on costs itself and not the run, as in sieve.py. No text may spell a special token of the
model: where it serves, these are taken out of what people write (models/chat/template.py), so that what would be
learned never occurs.

Training closes every answer by the end of a turn, also one that the limit of tokens cut off. So what would teach to
stop in mid-sentence is left out: such an answer that is preferred to a whole one, or marked good.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from models.formats.rows import Message
from models.settings.chat_clicks import ChatOptions
from worker.training.clicks.sieve import LeftOut
from worker.training.loading.loading import config_of, tokenizer_of
from worker.training.loading.rendering import as_messages, chat_token_ids
from worker.training.shared.examples import MarkedText, PreferenceExample
from worker.training.shared.training_errors import CheckpointError, ConversationRefused

Conversations = Mapping[int, Sequence[Message]]
"""The conversation that each judgment is about, by its id."""
_CUT_OFF = "an answer that was cut off"


class ChatSieve:
    """Keeps the clicks that can be trained on from the base in `base_dir`; `left_out` are the others.

    `cut_off` has the answers of each judgment, by its id, that the limit of tokens cut off.
    Raises `CheckpointError`, also for a model without a chat template.
    """

    def __init__(
        self,
        base_dir: Path,
        options: ChatOptions,
        conversations: Conversations,
        cut_off: Mapping[int, Collection[str]],
    ) -> None:
        self._tokenizer = tokenizer_of(base_dir)
        if not self._tokenizer.chat_template:
            raise CheckpointError(f"{base_dir} has no chat template, so it is no chat model.")
        added = self._tokenizer.added_tokens_decoder.values()
        self._special = [token.content for token in added if token.special]
        self._positions = getattr(config_of(base_dir), "max_position_embeddings", None)
        self._options, self._conversations, self._cut_off = options, conversations, cut_off
        self.left_out: list[LeftOut] = []

    def pairs(self, examples: Sequence[PreferenceExample]) -> list[PreferenceExample]:
        """Return the pairs that can be trained on, in order."""
        kept = []
        for one in examples:
            reason = self._reason_against(one.click, one.chosen, one.rejected)
            if reason is None and one.chosen.strip() == one.rejected.strip():
                reason = "chosen and rejected texts that are the same to the model"
            if reason is None and self._is_cut(one.click, one.chosen) and not self._is_cut(one.click, one.rejected):
                reason = _CUT_OFF
            if reason is None:
                kept.append(one)
            else:
                self.left_out.append(LeftOut(one.click, one.chosen, reason))
        return kept

    def texts(self, marked: Sequence[MarkedText]) -> list[MarkedText]:
        """Return the marked texts that can be trained on, in order.

        A text that one judgment marks good and bad is left out on both sides.
        """
        marks: dict[tuple[int, str], set[bool]] = {}
        for one in marked:
            marks.setdefault((one.judgment, one.text.strip()), set()).add(one.good)
        kept = []
        for one in marked:
            reason = self._reason_against(one.judgment, one.text)
            if reason is None and len(marks[one.judgment, one.text.strip()]) > 1:
                reason = "good and bad texts that are the same to the model"
            if reason is None and one.good and self._is_cut(one.judgment, one.text):
                reason = _CUT_OFF
            if reason is None:
                kept.append(one)
            else:
                self.left_out.append(LeftOut(one.judgment, one.text, reason))
        return kept

    def _is_cut(self, judgment: int | None, answer: str) -> bool:
        return answer in self._cut_off.get(judgment or 0, ())

    def _reason_against(self, judgment: int | None, *answers: str) -> str | None:
        """Return what makes a conversation and answers to it unfit for training, None if nothing does."""
        conversation = self._conversations.get(judgment or 0, ())
        texts = [*(message["content"] for message in conversation), *answers]
        if not all(text.strip() for text in texts) or not conversation:
            return "an empty text"
        special = next((token for token in self._special for text in texts if token in text), None)
        if special is not None:
            return f"the model's special token {special} in a text"
        try:
            lengths = [
                [len(ids) for ids in chat_token_ids(self._tokenizer, conversation, as_messages(one, "assistant"))]
                for one in answers
            ]
        except ConversationRefused:
            return "a conversation that the model's chat template refuses"
        return self._too_long(max(before for before, _ in lengths), max(after for _, after in lengths))

    def _too_long(self, conversation: int, answer: int) -> str | None:
        """Return which limit so many tokens exceed, if one is exceeded."""
        if conversation > self._options.max_prompt_length:
            return f"a conversation of more than {self._options.max_prompt_length} tokens"
        if answer > self._options.max_completion_length:
            return f"an answer of more than {self._options.max_completion_length} tokens"
        if self._positions is not None and conversation + answer > self._positions:
            return f"more than the {self._positions:,} tokens that the model can read"
        return None
