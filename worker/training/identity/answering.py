"""Text generation with a loaded model: one prompt, many at once, or streamed; for chat models and for a T5.

A prompt is a text or a conversation (messages). A chat model gets it through its own chat template, every other model
as plain text (worker/training/loading/rendering.py), as in training.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import TextStreamer

from models.model_errors import InputTooLong
from worker.training.loading.generation import without_generation_settings
from worker.training.loading.loading import Loaded
from worker.training.loading.rendering import Text, as_messages, as_text, is_chat, prompt_ids
from worker.training.shared.quiet_libraries import quiet
from worker.training.t5.seq2seq_dpo import decoder_start_token_id

MAX_NEW_TOKENS = 256
BATCH = 32


@dataclass(frozen=True)
class Answer:
    """A completion; `ended` is true if it stopped with EOS and not at the length limit."""

    text: str
    ended: bool


def answer(
    loaded: Loaded,
    prompt: Text,
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
) -> str:
    """Return the model's completion of one prompt.

    Temperature 0 decodes greedily; `top_p` limits sampling to the most probable tokens with that total probability.
    Raises `InputTooLong`.
    """
    return answer_all(loaded, [prompt], max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, seed=seed)[
        0
    ]


def answer_all(loaded: Loaded, prompts: Sequence[Text], **settings: Any) -> list[str]:
    """Return the text of the completion of each prompt, in order; the settings are those of `write_all`."""
    return [written.text for written in write_all(loaded, prompts, **settings)]


def write_all(
    loaded: Loaded,
    prompts: Sequence[Text],
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    batch_size: int = BATCH,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> list[Answer]:
    """Return the completion of each prompt, in order; `tick` is called with the number done and the total.

    Prompts of similar length are batched, padded on the left for a decoder-only model, so that completions begin in the
    same column. Raises `InputTooLong`.
    """
    ids = [_ids(loaded, prompt, max_new_tokens) for prompt in prompts]
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    answers: dict[int, Answer] = {}
    with _generation_mode(loaded, seed):
        for first in range(0, len(order), batch_size):
            places = order[first : first + batch_size]
            written = _generate(loaded, [ids[place] for place in places], max_new_tokens, temperature, top_p)
            answers |= zip(places, written, strict=True)
            tick(first + len(places), len(order))
    return [answers[place] for place in range(len(ids))]


def stream(
    loaded: Loaded,
    prompt: Text,
    write: Callable[[str], None],
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
) -> str:
    """Return the completion of one prompt, and pass each piece to `write` as soon as its words are complete.

    Ctrl-C ends the generation: what was written so far is returned. Raises `InputTooLong`.
    """
    streamer = _PieceStreamer(loaded.tokenizer, write)
    ids = _ids(loaded, prompt, max_new_tokens)
    with _generation_mode(loaded, seed):
        try:
            _generate(loaded, [ids], max_new_tokens, temperature, top_p, streamer=streamer)
        except KeyboardInterrupt:
            streamer.end()  # type: ignore[no-untyped-call]
    return streamer.text.strip()


def room(loaded: Loaded, prompt: Text, max_new_tokens: int) -> int:
    """Return how many tokens of the context window a prompt and its completion leave; below 0 if they do not fit."""
    window = getattr(loaded.model.config, "max_position_embeddings", None)
    if loaded.architecture == "seq2seq" or not window:
        return 1  # relative positions: there is no context window
    return int(window) - len(prompt_ids(loaded, _rendered(loaded, prompt))) - max_new_tokens


def conversation(question: str, system: str = "") -> list[dict[str, str]]:
    """Return a question as the first user message of a conversation, after the system message, if any."""
    return [*([{"role": "system", "content": system}] if system else []), {"role": "user", "content": question}]


def _rendered(loaded: Loaded, prompt: Text) -> Text:
    return as_messages(prompt, "user") if is_chat(loaded) else as_text(prompt)


def _ids(loaded: Loaded, prompt: Text, max_new_tokens: int) -> list[int]:
    ids = prompt_ids(loaded, _rendered(loaded, prompt))
    if room(loaded, prompt, max_new_tokens) < 0:
        raise InputTooLong(
            f"The text has {len(ids):,} tokens and the answer may have {max_new_tokens:,}: the model holds "
            f"{loaded.model.config.max_position_embeddings:,} at most."
        )
    return ids


def _generate(
    loaded: Loaded,
    rows: Sequence[list[int]],
    max_new_tokens: int,
    temperature: float,
    top_p: float,
    **extra: Any,
) -> list[Answer]:
    model: Any = loaded.model
    tokenizer: Any = loaded.tokenizer
    side = "right" if loaded.architecture == "seq2seq" else "left"
    tensors = [torch.tensor(row) for row in rows]
    ids = pad_sequence(tensors, batch_first=True, padding_value=tokenizer.pad_token_id, padding_side=side)
    mask = pad_sequence([torch.ones_like(row) for row in tensors], batch_first=True, padding_side=side)
    sampled, end_ids = temperature > 0, _eos_token_ids(loaded)
    if loaded.architecture == "seq2seq":
        extra["decoder_start_token_id"] = decoder_start_token_id(model)
    with without_generation_settings(model):
        out = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            max_new_tokens=max_new_tokens,
            do_sample=sampled,
            temperature=temperature if sampled else None,
            top_p=top_p if sampled else None,
            top_k=0 if sampled else None,  # transformers' own default is 50
            num_beams=1,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=end_ids,
            **extra,
        )
    written = out if loaded.architecture == "seq2seq" else out[:, ids.shape[1] :]
    ends = torch.tensor(end_ids, device=written.device)
    return [
        Answer(tokenizer.decode(row, skip_special_tokens=True).strip(), bool(torch.isin(row, ends).any()))
        for row in written
    ]


def _eos_token_ids(loaded: Loaded) -> list[int]:
    """Return the EOS token ids: the tokenizer's, and those of the checkpoint's generation settings."""
    named = getattr(getattr(loaded.model, "generation_config", None), "eos_token_id", None)
    ends = {loaded.tokenizer.eos_token_id, *(named if isinstance(named, list | tuple) else [named])}
    return sorted(end for end in ends if end is not None)


@contextmanager
def _generation_mode(loaded: Loaded, seed: int) -> Iterator[None]:
    """Set evaluation mode, quiet libraries and the random seed within the block, and restore them afterwards."""
    training = loaded.model.training
    loaded.model.train(False)
    try:
        with quiet(), torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(seed)
            yield
    finally:
        loaded.model.train(training)


class _PieceStreamer(TextStreamer):
    """Passes each finished piece of the completion on, and keeps the whole text."""

    def __init__(self, tokenizer: Any, write: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.text = ""
        self._write = write

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Pass `text` on."""
        piece = text if self.text else text.lstrip()
        if piece:
            self.text += piece
            self._write(piece)
