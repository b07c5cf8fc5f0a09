"""A small Llama in GGUF, written by the package that defines the format, is read number by number."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize

from worker.evaluation.evaluation_errors import ScorerUnavailable
from worker.evaluation.scorers.gguf import Llama, read_llama

TOKENS = ["<|im_start|>", "<|im_end|>", "a", "b", "1", "2", "Ġ", "ab", "12"]
KINDS = [3, 3, 1, 1, 1, 1, 1, 1, 1]
WIDTH, HEADS, KEY_HEADS = 32, 2, 1
SHAPES = {
    "token_embd.weight": (len(TOKENS), WIDTH),
    "output_norm.weight": (WIDTH,),
    "blk.0.attn_norm.weight": (WIDTH,),
    "blk.0.attn_q.weight": (8, WIDTH),
    "blk.0.attn_k.weight": (4, WIDTH),
    "blk.0.attn_v.weight": (4, WIDTH),
    "blk.0.attn_output.weight": (WIDTH, 32),
    "blk.0.ffn_norm.weight": (WIDTH,),
    "blk.0.ffn_gate.weight": (64, WIDTH),
    "blk.0.ffn_up.weight": (64, WIDTH),
    "blk.0.ffn_down.weight": (WIDTH, 64),
}
NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "blk.0.attn_norm.weight": "model.layers.0.input_layernorm.weight",
    "blk.0.attn_v.weight": "model.layers.0.self_attn.v_proj.weight",
    "blk.0.attn_output.weight": "model.layers.0.self_attn.o_proj.weight",
    "blk.0.ffn_norm.weight": "model.layers.0.post_attention_layernorm.weight",
    "blk.0.ffn_gate.weight": "model.layers.0.mlp.gate_proj.weight",
    "blk.0.ffn_up.weight": "model.layers.0.mlp.up_proj.weight",
    "blk.0.ffn_down.weight": "model.layers.0.mlp.down_proj.weight",
}
"""What is read as it is; queries and keys change the order of their rows."""
QUANTIZED = "blk.0.ffn_up.weight"


def weights() -> dict[str, Any]:
    chance = np.random.default_rng(1)
    return {name: chance.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


def write(path: Path, change: Callable[[GGUFWriter], None] | None = None, **wishes: Any) -> Path:
    writer = GGUFWriter(path, wishes.get("architecture", "llama"))
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(64)
    writer.add_block_count(1)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(2**-16)
    writer.add_context_length(128)
    writer.add_rope_freq_base(1000.0)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_tokenizer_model(wishes.get("tokenizer", "gpt2"))
    writer.add_token_list(TOKENS)
    writer.add_token_types(KINDS)
    writer.add_token_merges(["a b", "1 2"])
    writer.add_bool("of.no.use", True)
    writer.add_array("scores", [0.5, 1.5])
    if change:
        change(writer)
    for name, values in weights().items():
        if name == QUANTIZED:
            kind = GGMLQuantizationType.Q8_0
            writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Llama:
    return read_llama(write(tmp_path_factory.mktemp("gguf") / "model.gguf"))


def test_the_configuration_has_the_names_of_transformers(llama: Llama) -> None:
    assert llama.config == {
        "vocab_size": 9,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "rms_norm_eps": 2**-16,
        "max_position_embeddings": 128,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0},
        "bos_token_id": 0,
        "eos_token_id": 1,
        "tie_word_embeddings": True,
    }


def test_weights_are_read_under_the_names_of_transformers_and_can_be_written(llama: Llama) -> None:
    written = weights()
    attention = {f"model.layers.0.self_attn.{name}_proj.weight" for name in "qk"}
    assert set(llama.weights) == {*NAMES.values(), *attention}
    for name, known in NAMES.items():
        assert np.allclose(llama.weights[known], written[name], atol=0.02 if name == QUANTIZED else 0), name
    assert all(weight.dtype == np.float32 and weight.flags.writeable for weight in llama.weights.values())


def test_the_rows_of_each_head_are_put_from_neighbours_into_halves(llama: Llama) -> None:
    written = weights()
    for name, order in (("q", [0, 2, 1, 3, 4, 6, 5, 7]), ("k", [0, 2, 1, 3])):
        found = llama.weights[f"model.layers.0.self_attn.{name}_proj.weight"]
        assert np.array_equal(found, written[f"blk.0.attn_{name}.weight"][order])


def test_the_tokenizer_merges_letters_keeps_digits_apart_and_knows_its_special_tokens(llama: Llama) -> None:
    encoded = llama.tokenizer.encode("<|im_start|>ab 12b<|im_end|>")
    assert encoded.tokens == ["<|im_start|>", "ab", "Ġ", "1", "2", "b", "<|im_end|>"]
    assert encoded.ids == [0, 7, 6, 4, 5, 3, 1]
    assert llama.tokenizer.decode(encoded.ids) == "ab 12b"


@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        ({"architecture": "gemma"}, "its architecture is gemma"),
        ({"tokenizer": "llama"}, "its tokenizer is not byte-level BPE"),
        (
            {"change": lambda writer: writer.add_tensor("output.weight", np.ones((9, 32), np.float32))},
            "its head is not tied to its embeddings",
        ),
    ],
)
def test_what_is_no_such_llama_is_refused_by_what_it_is(tmp_path: Path, wishes: dict[str, Any], reason: str) -> None:
    path = write(tmp_path / "model.gguf", **wishes)
    with pytest.raises(ScorerUnavailable) as refusal:
        read_llama(path)
    assert str(refusal.value) == f"{path} cannot be read as a Llama in GGUF: {reason}."


@pytest.mark.parametrize(
    ("start", "reason"),
    [(b"GGUG\3\0\0\0", "it does not begin with GGUF"), (b"GGUF\2\0\0\0", "version 2 is not known")],
)
def test_another_format_or_version_is_refused(tmp_path: Path, start: bytes, reason: str) -> None:
    path = write(tmp_path / "model.gguf")
    path.write_bytes(start + path.read_bytes()[8:])
    with pytest.raises(ScorerUnavailable) as refusal:
        read_llama(path)
    assert str(refusal.value) == f"{path} cannot be read as a Llama in GGUF: {reason}."


def test_another_alignment_of_the_tensors_is_heeded(tmp_path: Path, llama: Llama) -> None:
    found = read_llama(write(tmp_path / "model.gguf", lambda writer: writer.add_custom_alignment(256)))
    assert all(np.array_equal(weight, llama.weights[name]) for name, weight in found.weights.items())
