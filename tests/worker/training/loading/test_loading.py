"""Any model, from a folder, an adapter or a GGUF; and one sentence about what cannot be loaded."""

import json
import warnings
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from models.settings.command_line import TrainOptions
from tests.tiny.classifiers import build_tiny_encoder
from tests.tiny.decoders import build_tiny_decoder
from tests.tiny.llama import build_tiny_llama
from tests.tiny.t5 import build_tiny_t5
from worker.training.loading.adapters import mark_as_trained_here
from worker.training.loading.loading import architecture_of, load_model_and_tokenizer
from worker.training.loading.merging import load_merged
from worker.training.shared import checkpoint
from worker.training.shared.checkpoint import load_model
from worker.training.shared.lora import lora_config
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import CheckpointError


def test_each_architecture_is_recognised(tmp_path: Path) -> None:
    t5, llama = build_tiny_t5(tmp_path / "t5"), build_tiny_llama(tmp_path / "llama")

    assert (architecture_of(t5), architecture_of(llama)) == ("seq2seq", "causal")
    assert load_model_and_tokenizer(t5).architecture == "seq2seq"
    assert load_model_and_tokenizer(llama).architecture == "causal"


def test_a_classifier_gets_one_output_the_same_for_the_same_seed(tmp_path: Path) -> None:
    folder = build_tiny_encoder(tmp_path / "bert")

    first, second, other = (
        load_model_and_tokenizer(folder, TrainOptions(seed=seed), classifier=True).model.state_dict()
        for seed in (0, 0, 1)
    )

    head = "classifier.weight"
    assert first[head].shape[0] == 1
    assert torch.equal(first[head], second[head])
    assert not torch.equal(first[head], other[head])


def test_an_adapter_is_its_base_with_the_adapter_merged_in(tmp_path: Path) -> None:
    base = build_tiny_llama(tmp_path / "llama")
    loaded = load_model_and_tokenizer(base)
    with quiet():
        peft = get_peft_model(loaded.model, lora_config(loaded.model, 4, 8, 0.0, task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, weight in peft.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.1)
    peft.peft_config["default"].base_model_name_or_path = str(base)
    peft.save_pretrained(str(tmp_path / "adapter"))
    mark_as_trained_here(tmp_path / "adapter")
    ids = torch.tensor([[5, 6, 7]])
    expected = peft(input_ids=ids).logits

    merged = load_model_and_tokenizer(tmp_path / "adapter")

    assert merged.source == str(tmp_path / "adapter")
    torch.testing.assert_close(merged.model(input_ids=ids).logits, expected, atol=1e-5, rtol=1e-5)
    assert architecture_of(tmp_path / "adapter") == "causal"


def test_an_adapter_on_weights_that_other_layers_share_is_not_merged(tmp_path: Path) -> None:
    """Made elsewhere, since training refuses it: merged, it would change the head too."""
    base = build_tiny_decoder(tmp_path / "qwen2", "qwen2")
    with quiet(), warnings.catch_warnings(action="ignore", category=UserWarning):  # PEFT warns of just this
        config = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["embed_tokens"])
        peft = get_peft_model(load_model_and_tokenizer(base).model, config)
        peft.peft_config["default"].base_model_name_or_path = str(base)
        peft.save_pretrained(str(tmp_path / "adapter"))
    mark_as_trained_here(tmp_path / "adapter")

    with pytest.raises(CheckpointError, match=r"on model\.embed_tokens, which shares its weights with lm_head\.$"):
        load_model_and_tokenizer(tmp_path / "adapter")


def test_what_cannot_be_loaded_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"^There is no model at /nowhere/at/all\.$"):
        load_model_and_tokenizer("/nowhere/at/all")

    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=rf"^No model could be loaded from {tmp_path / 'empty'}: \w") as raised:
        load_model_and_tokenizer(tmp_path / "empty")
    assert "\n" not in str(raised.value)

    (tmp_path / "two").mkdir()
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / "two" / name).write_bytes(b"")
    with pytest.raises(CheckpointError, match=rf"^{tmp_path / 'two'} holds 2 GGUF files: name one of them\.$"):
        load_model_and_tokenizer(tmp_path / "two")

    (tmp_path / "nameless").mkdir()
    (tmp_path / "nameless" / "adapter_config.json").write_text(json.dumps({}), encoding="utf-8")
    with pytest.raises(CheckpointError, match="does not name its base model"):
        load_model_and_tokenizer(tmp_path / "nameless")


def test_an_adapter_in_a_pickle_is_not_read(tmp_path: Path) -> None:
    config = {"base_model_name_or_path": str(build_tiny_llama(tmp_path / "llama")), "peft_type": "LORA"}
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    mark_as_trained_here(tmp_path / "adapter")
    torch.save({}, tmp_path / "adapter" / "adapter_model.bin")

    with pytest.raises(CheckpointError, match=r"it has no adapter_model\.safetensors\.$"):
        load_model_and_tokenizer(tmp_path / "adapter")


def test_weights_in_pickles_are_not_read(tmp_path: Path) -> None:
    folder = build_tiny_llama(tmp_path / "llama")
    loaded = load_model_and_tokenizer(folder)
    torch.save(loaded.model.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()

    with pytest.raises(CheckpointError, match="No model could be loaded"):
        load_model_and_tokenizer(folder)


def adapter_of(base: str, folder: Path, llama: Path) -> Path:
    """An adapter of the llama that says that its base is `base`."""
    with quiet():
        loaded = load_model_and_tokenizer(llama)
        peft = get_peft_model(loaded.model, lora_config(loaded.model, 4, 8, 0.0, task_type="CAUSAL_LM"))
    peft.save_pretrained(str(folder))
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": base}))
    return folder


@pytest.mark.parametrize("name", ["attn_implementation", "_attn_implementation"])
@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_code_that_a_checkpoint_names_for_its_attention_is_not_fetched(tmp_path: Path, kind: str, name: str) -> None:
    folder = build_tiny_t5(tmp_path / "t5") if kind == "t5" else build_tiny_llama(tmp_path / "llama")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, name: "somebody/hostile-attention"}))
    loaded = load_model_and_tokenizer(folder)
    assert loaded.model.config._attn_implementation in ("eager", "sdpa")
    asked = load_model_and_tokenizer(folder, TrainOptions(attn_implementation="eager"))
    assert asked.model.config._attn_implementation == "eager"
    if kind == "t5":
        assert load_model(folder).config._attn_implementation in ("eager", "sdpa")


@pytest.mark.parametrize("place", ["{llama}", "../llama", "~/llama", "./llama", "a/b/c"])
def test_a_strangers_adapter_chooses_no_folder_of_this_machine_for_its_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    llama = build_tiny_llama(tmp_path / "llama")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    adapter = adapter_of(place.format(llama=llama), tmp_path / "adapter", llama)
    with pytest.raises(CheckpointError, match="was not trained here and says that its base model is in "):
        load_model_and_tokenizer(adapter)
    merged = load_merged(str(llama), str(adapter))
    assert merged.source == str(adapter), "the person named the base"


def test_an_adapter_that_was_trained_here_is_loaded_with_the_base_it_names(tmp_path: Path) -> None:
    llama = build_tiny_llama(tmp_path / "llama")
    adapter = adapter_of(str(llama), tmp_path / "adapter", llama)
    mark_as_trained_here(adapter)
    assert load_model_and_tokenizer(adapter).architecture == "causal"
    config = json.loads((adapter / "adapter_config.json").read_text())
    other = build_tiny_llama(tmp_path / "other")
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": str(other)}))
    with pytest.raises(CheckpointError, match="was not trained here"):
        load_model_and_tokenizer(adapter)


def test_a_model_on_the_hub_that_is_an_adapter_too_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "find_adapter_config_file", lambda name: f"/cache/{name}/adapter_config.json")
    with pytest.raises(CheckpointError, match=r"^somebody/model holds an adapter, which names another model: merge it"):
        checkpoint.check_no_adapter("somebody/model")
    checkpoint.check_no_adapter(str(build_tiny_llama(tmp_path / "llama")))
