"""The codes of this stage: one at the start of a source is the tag of a kind of pair, one of a target is a manner.

They are the bytes that no UTF-8 text contains (see `worker.base.pretrain.objectives`), so that nobody writes one by
chance, and the tokenizer stays as it is. A tag says what is to be done; half of the pairs have none, and serving uses
none. A manner is read by the decoder, as its first token: the encoder need not know it.
"""

from dataclasses import dataclass

from tokenizers import Tokenizer

from worker.base.pretrain.objectives import marks_of

KINDS = ("detox", "grammar", "paraphrase", "polite", "simplify")
MANNERS = ("brief", "gentle", "formal", "without-you", "lively", "question", "explanation")


@dataclass(frozen=True)
class Codes:
    """The ids of the tags by kind, and of the manners by name."""

    kinds: dict[str, int]
    manners: dict[str, int]


def codes_of(tokenizer: Tokenizer) -> Codes:
    """Find the ids of the codes; raises ValueError if the tokenizer has no byte pieces."""
    spans = marks_of(tokenizer).spans
    return Codes(dict(zip(KINDS, spans, strict=False)), dict(zip(MANNERS, spans[len(KINDS) :], strict=True)))


def manner_tokens(tokenizer: Tokenizer) -> dict[str, str]:
    """Return the token of every manner, as config.json names them for serving."""
    return {name: str(tokenizer.id_to_token(number)) for name, number in codes_of(tokenizer).manners.items()}
