"""Ask a model: one prompt, many at once, or word by word as it writes. Both for chat models and for a T5.

A prompt is a text or a conversation (messages). A chat model gets it through its own chat template, every other model
as plain text (worker/training/loading/rendering.py), which is also how they are trained.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import TextStreamer

from models.errors import InputTooLong
from worker.training.loading.loading import Loaded
from worker.training.loading.rendering import Text, as_messages, as_text, is_chat, prompt_ids
from worker.training.shared.quiet import quiet

MAX_NEW_TOKENS = 256
BATCH = 32


@dataclass(frozen=True)
class Answer:
    """What a model wrote, and whether it ended there by itself rather than at the limit of its length."""

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
    """What the model answers to one prompt. Temperature 0 takes the likeliest token each time (greedy); `top_p` cuts
    the others to the likeliest that hold this share. Raises `InputTooLong`."""
    return answer_all(loaded, [prompt], max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, seed=seed)[
        0
    ]


def answer_all(loaded: Loaded, prompts: Sequence[Text], **settings: Any) -> list[str]:
    """The text of the answer to each prompt, in their order; the settings are those of `write_all`."""
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
    """The answer to each prompt, in their order; `tick` hears how many of all are done.

    Prompts of like length are answered together, padded on the left for a decoder-only model, so that all of a batch
    end where the answers begin. Raises `InputTooLong`.
    """
    ids = [_ids(loaded, prompt, max_new_tokens) for prompt in prompts]
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    answers: dict[int, Answer] = {}
    with _writing(loaded, seed):
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
    """The answer to one prompt, of which `write` gets each piece as soon as it is whole words.

    Ctrl-C ends the answer: what was written so far is returned. Raises `InputTooLong`.
    """
    streamer = _Pieces(loaded.tokenizer, write)
    ids = _ids(loaded, prompt, max_new_tokens)
    with _writing(loaded, seed):
        try:
            _generate(loaded, [ids], max_new_tokens, temperature, top_p, streamer=streamer)
        except KeyboardInterrupt:
            streamer.end()  # type: ignore[no-untyped-call]
    return streamer.text.strip()


def room(loaded: Loaded, prompt: Text, max_new_tokens: int) -> int:
    """How many tokens are left in the model's window after a prompt and its answer; below 0 if they do not fit."""
    window = getattr(loaded.model.config, "max_position_embeddings", None)
    if loaded.architecture == "seq2seq" or not window:
        return 1  # positions are relative: there is no window
    return int(window) - len(prompt_ids(loaded, _rendered(loaded, prompt))) - max_new_tokens


def conversation(question: str, system: str = "") -> list[dict[str, str]]:
    """A question as the first turn of a conversation, after what the system says, if anything."""
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
    sampled = temperature > 0
    out = model.generate(
        input_ids=ids.to(model.device),
        attention_mask=mask.to(model.device),
        max_new_tokens=max_new_tokens,
        do_sample=sampled,
        temperature=temperature if sampled else None,
        top_p=top_p if sampled else None,
        top_k=0 if sampled else None,  # the settings that a checkpoint brings are not ours
        num_beams=1,
        repetition_penalty=1.0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=_ends(loaded),
        **extra,
    )
    written = out if loaded.architecture == "seq2seq" else out[:, ids.shape[1] :]
    ends = torch.tensor(_ends(loaded), device=written.device)
    return [
        Answer(tokenizer.decode(row, skip_special_tokens=True).strip(), bool(torch.isin(row, ends).any()))
        for row in written
    ]


def _ends(loaded: Loaded) -> list[int]:
    """The tokens that end an answer: the tokenizer's, and those that the checkpoint names for its generation."""
    named = getattr(getattr(loaded.model, "generation_config", None), "eos_token_id", None)
    ends = {loaded.tokenizer.eos_token_id, *(named if isinstance(named, list | tuple) else [named])}
    return sorted(end for end in ends if end is not None)


@contextmanager
def _writing(loaded: Loaded, seed: int) -> Iterator[None]:
    """The model in evaluation mode, the libraries quiet, the random numbers of `seed`; all as before at the end."""
    training = loaded.model.training
    loaded.model.train(False)
    try:
        with quiet(), torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(seed)
            yield
    finally:
        loaded.model.train(training)


class _Pieces(TextStreamer):
    """Passes each finished piece of the answer on, and keeps them all."""

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
