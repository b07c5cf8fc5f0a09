"""Reader of a Llama in a GGUF file: its configuration, its dense weights, and its tokenizer.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Reading the whole header here takes a tenth of a
second; the readers of the libraries build several objects for each of 100,000 vocabulary strings and take a quarter of
a minute. The package `gguf` dequantizes the blocks. Not covered: any architecture but Llama, any tokenizer but
byte-level BPE.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from worker.evaluation.evaluation_errors import ScorerUnavailable

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_CONTROL_TOKEN = 3

# Names of transformers by those of GGUF.
_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Llama:
    """A Llama: `config` by the names of transformers' LlamaConfig, `weights` by those of its LlamaForCausalLM."""

    config: dict[str, Any]
    weights: dict[str, Array]
    tokenizer: Tokenizer


def read_llama(path: Path) -> Llama:
    """Read the file; raises ScorerUnavailable if it is missing or is no Llama in GGUF."""
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r")
        header = _Header(data)
        config = _config(header.fields)
        return Llama(config, _weights(data, header, config), _tokenizer(header.fields))
    except (OSError, ValueError, KeyError, IndexError, struct.error) as error:
        raise ScorerUnavailable(f"{path} cannot be read as a Llama in GGUF: {error}.") from error


class _Header:
    """The key-value fields, and for each tensor its shape (rows first), its type and its offset in the data."""

    def __init__(self, data: npt.NDArray[np.uint8]) -> None:
        self._data, self._at = memoryview(data.data), 4
        if bytes(self._data[:4]) != b"GGUF":
            raise ValueError("it does not begin with GGUF")
        version = self._scalar("I")
        if version != 3:
            raise ValueError(f"version {version} is not known")
        tensors, fields = self._scalar("Q"), self._scalar("Q")
        self.fields: dict[str, Any] = {}
        for _ in range(fields):
            name = self._string()
            self.fields[name] = self._value(self._scalar("I"))
        self.tensors: dict[str, tuple[tuple[int, ...], GGMLQuantizationType, int]] = {}
        for _ in range(tensors):
            name = self._string()
            shape = tuple(self._scalar("Q") for _ in range(self._scalar("I")))[::-1]
            self.tensors[name] = (shape, GGMLQuantizationType(self._scalar("I")), self._scalar("Q"))
        alignment = self.fields.get("general.alignment", 32)
        self.data_start = math.ceil(self._at / alignment) * alignment

    def _scalar(self, kind: str) -> Any:
        (value,) = struct.unpack_from(f"<{kind}", self._data, self._at)
        self._at += struct.calcsize(f"<{kind}")
        return value

    def _string(self) -> str:
        length = self._scalar("Q")
        self._at += length
        return str(self._data[self._at - length : self._at], "utf-8")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._scalar(_SCALARS[kind])
        item, count = self._scalar("I"), self._scalar("Q")
        return [self._value(item) for _ in range(count)]


def _config(fields: Mapping[str, Any]) -> dict[str, Any]:
    if fields["general.architecture"] != "llama":
        raise ValueError(f"its architecture is {fields['general.architecture']}")
    return {
        "vocab_size": len(fields["tokenizer.ggml.tokens"]),
        "hidden_size": fields["llama.embedding_length"],
        "intermediate_size": fields["llama.feed_forward_length"],
        "num_hidden_layers": fields["llama.block_count"],
        "num_attention_heads": fields["llama.attention.head_count"],
        "num_key_value_heads": fields["llama.attention.head_count_kv"],
        "rms_norm_eps": fields["llama.attention.layer_norm_rms_epsilon"],
        "max_position_embeddings": fields["llama.context_length"],
        "rope_parameters": {"rope_type": "default", "rope_theta": fields["llama.rope.freq_base"]},
        "bos_token_id": fields["tokenizer.ggml.bos_token_id"],
        "eos_token_id": fields["tokenizer.ggml.eos_token_id"],
        "tie_word_embeddings": True,
    }


def _weights(data: npt.NDArray[np.uint8], header: _Header, config: Mapping[str, Any]) -> dict[str, Array]:
    weights: dict[str, Array] = {}
    for name, (shape, kind, offset) in header.tensors.items():
        block, size = GGML_QUANT_SIZES[kind]
        start = header.data_start + offset
        raw = data[start : start + math.prod(shape) // block * size]
        # Dense tensors are views of the read-only file; torch needs writable memory.
        dense = np.require(dequantize(raw.reshape(*shape[:-1], -1), kind), np.float32, "W")
        for part, heads in (("attn_q", "num_attention_heads"), ("attn_k", "num_key_value_heads")):
            if f".{part}." in name:
                dense = _rotate_halves(dense, config[heads])
        weights[_transformers_name(name)] = dense
    if "lm_head.weight" in weights:
        raise ValueError("its head is not tied to its embeddings")
    return weights


def _rotate_halves(weight: Array, heads: int) -> Array:
    """Reorder the rows of each head from GGUF, which rotates neighbours, to transformers, which rotates halves."""
    rows = weight.reshape(heads, weight.shape[0] // heads // 2, 2, *weight.shape[1:])
    return rows.swapaxes(1, 2).reshape(weight.shape)


def _transformers_name(name: str) -> str:
    parts = name.split(".")
    if parts[0] == "blk":
        return ".".join(["model", "layers", parts[1], _NAMES[parts[2]], parts[3]])
    return f"{_NAMES[parts[0]]}.{parts[1]}"


def _tokenizer(fields: Mapping[str, Any]) -> Tokenizer:
    if fields["tokenizer.ggml.model"] != "gpt2":
        raise ValueError("its tokenizer is not byte-level BPE")
    tokens: list[str] = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ", 1)) for merge in fields["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = fields["tokenizer.ggml.token_type"]
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in control])
    return tokenizer
