"""A T5 small enough to build and train inside a test: d_model 32, two layers, a hand-made vocabulary.

Its weights are random, so it writes nonsense; every shape, file and code path is that of a real checkpoint. The
vocabulary is laid out as the shipped one is (`<pad>` 0, `</s>` 1, `<unk>` 2, then the 256 bytes) with byte fallback,
so that a text outside the vocabulary exercises the same branch.
"""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    MT5Config,
    MT5ForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

WORDS = (
    "you are a an the is it this that i we they not no so very please stop go read think said was were do be to of and "
    "idea plan movie comment people person job question answer bad good poor silly wrong great stupid idiot dumb damn "
    "moron trash garbage terrible unhelpful mistaken disagree with my your on in for at"
)
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-"


def _tokenizer() -> Tokenizer:
    """A Unigram tokenizer with byte fallback that closes every text with one `</s>`."""
    # Longer pieces have the better score per character, so a known word is one token.
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"<0x{byte:02X}>", -20.0) for byte in range(256)]
    pieces += [("▁" + word, -5.0) for word in WORDS.split()]
    pieces += [("▁", -6.0)] + [(letter, -6.0) for letter in LETTERS]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=True))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return tokenizer


def build_tiny_t5(folder: Path, *, gated: bool = False, seed: int = 0) -> Path:
    """Write a random T5 and its tokenizer to `folder` as safetensors and JSON, and return `folder`.

    `gated=False` gives the first T5: ReLU, one matrix for the embeddings and the head, decoder output scaled by
    d_model ** -0.5. `gated=True` gives T5 v1.1, which Flan-T5 follows: gated GELU, a head of its own, no scaling.
    The same `seed` writes the same bytes.
    """
    config = T5Config(**_shape(gated) | {"tie_word_embeddings": not gated})  # which the signature hides
    return _write(folder, T5ForConditionalGeneration, config, gated, seed)


def build_tiny_mt5(folder: Path, *, seed: int = 0) -> Path:
    """Write a random mT5: built like T5 v1.1, but of a class and a configuration of its own."""
    return _write(folder, MT5ForConditionalGeneration, MT5Config(**_shape(gated=True)), True, seed)


def tiny_tokenizer() -> Any:
    """Return the tokenizer of every T5 here."""
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=_tokenizer(),
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=512,
    )


def _shape(gated: bool) -> dict[str, Any]:
    return {
        "vocab_size": len(tiny_tokenizer()),
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 64,
        "num_layers": 2,
        "num_heads": 4,
        "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 32,
        "dropout_rate": 0.1,
        "feed_forward_proj": "gated-gelu" if gated else "relu",
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }


def _write(folder: Path, kind: Any, config: Any, own_head: bool, seed: int) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(config)
        if own_head:
            # transformers 5 ties the head of every T5 it builds; a checkpoint of v1.1 brings a head of its own.
            model.lm_head.weight = torch.nn.Parameter(torch.randn(config.vocab_size, config.d_model) * 0.3)
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
