"""What a program gets that imports worker.api."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.model_errors import RecipeError
from tests.tiny.llama import build_tiny_llama
from tests.tiny.t5 import build_tiny_t5
from worker import api
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.shared.progress import SilentProgress
from worker.training.shared.training_errors import CheckpointError, DatasetError

torch.set_num_threads(1)

ROWS = [
    {"prompt": f"you are stupid {number}", "chosen": "you are wrong", "rejected": "you are a moron"}
    for number in range(12)
]


class Listener(SilentProgress):
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_llama(tmp_path_factory.mktemp("chat"))


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_t5(tmp_path_factory.mktemp("t5"))


def config(output_dir: Path, **settings: Any) -> api.DPOTrainingConfig:
    return api.DPOTrainingConfig(output_dir=str(output_dir), learning_rate=1e-2, max_steps=3, dev_split=4, **settings)


def test_the_defaults_are_those_of_a_small_machine() -> None:
    chosen = api.DPOTrainingConfig()
    assert (chosen.beta, chosen.learning_rate, chosen.num_train_epochs) == (0.2, 5e-5, 1)
    assert (chosen.per_device_train_batch_size, chosen.gradient_accumulation_steps) == (1, 8)
    assert (chosen.logging_steps, chosen.output_dir) == (2, "./dpo_output")
    with pytest.raises(RecipeError, match="beta must be between"):
        api.DPOTrainingConfig(beta=-1)


@pytest.mark.parametrize("model", ["chat", "t5"])
def test_rows_train_a_model(model: str, chat: Path, t5: Path, tmp_path: Path) -> None:
    source = {"chat": chat, "t5": t5}[model]
    listener = Listener()
    wrapper = api.DPOTrainerWrapper(
        source,
        train_dataset=[*ROWS, {"prompt": "no answer"}],
        training_config=config(tmp_path, use_peft=True),
    )
    result = wrapper.train(listener)

    assert result.steps == 3
    assert result.after["implicit_reward_margin"]["value"] > 0
    assert load_model_and_tokenizer(result.model_dir).architecture == ("causal" if model == "chat" else "seq2seq")
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["options"]["beta"] == 0.2
    assert written["data"]["left_out"] == 1
    assert any("row" in line and "13" in line for line in listener.lines)  # the bad one, by its number


def test_a_file_is_sampled_and_another_model_is_the_reference(chat: Path, tmp_path: Path) -> None:
    other = build_tiny_llama(tmp_path / "other", seed=1)
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    wrapper = api.DPOTrainerWrapper(
        str(chat),
        dataset_name=file,
        training_config=config(tmp_path / "out"),
        ref_model=other,
        max_samples=8,
    )
    result = wrapper.train()

    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert written["options"]["ref_model"] == str(other)
    assert written["data"]["train"] + written["data"]["held_out"] == 8
    assert result.model_dir.is_dir()


@pytest.mark.parametrize("kind", ["chat", "t5"])
def test_a_loaded_model_may_be_the_reference(kind: str, chat: Path, t5: Path, tmp_path: Path) -> None:
    """It trains to the same weights as the folder that it was loaded from, and leaves nothing behind."""
    source = {"chat": chat, "t5": t5}[kind]
    other = (build_tiny_t5 if kind == "t5" else build_tiny_llama)(tmp_path / "other", seed=1)
    weights = []
    for place, reference in (("named", other), ("loaded", api.load_model_and_tokenizer(other)[0])):
        wrapper = api.DPOTrainerWrapper(
            source, train_dataset=ROWS, training_config=config(tmp_path / place), ref_model=reference
        )
        weights.append(load_file(wrapper.train().model_dir / "model.safetensors"))
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert {path.name for path in tmp_path.iterdir()} == {"other", "named", "loaded"}


def test_what_cannot_be_trained_is_said_at_once(chat: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="one of them"):
        api.DPOTrainerWrapper(chat)
    with pytest.raises(DatasetError, match="one of them"):
        api.DPOTrainerWrapper(chat, dataset_name="a", train_dataset=ROWS)
    if not torch.cuda.is_available():
        with pytest.raises(CheckpointError, match="no GPU"):
            api.DPOTrainerWrapper(chat, train_dataset=ROWS, use_gpu=True)


def test_a_model_comes_with_its_tokenizer(chat: Path) -> None:
    model, tokenizer = api.load_model_and_tokenizer(chat)
    assert not model.training
    assert tokenizer.pad_token_id is not None
    with pytest.raises(CheckpointError):
        api.load_model_and_tokenizer(chat / "nothing")


def test_a_file_of_any_format_becomes_columns_of_preferences(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("toxic\tneutral1\n" + "".join(f"you idiot {n}\tyou are wrong {n}\n" for n in range(5)))

    data = api.load_dpo_dataset(file, max_samples=3)

    assert data.column_names == ["prompt", "chosen", "rejected"]
    assert len(data) == 3
    assert data[0]["chosen"].startswith("you are wrong")
    assert data[0]["rejected"] == data[0]["prompt"]
    assert data.to_list() == api.load_dpo_dataset(file, max_samples=3).to_list()


def test_the_models_own_answer_is_rejected_and_the_datasets_chosen(chat: Path) -> None:
    model, tokenizer = api.load_model_and_tokenizer(chat)
    raw = [{"question": row["prompt"], "answer": row["chosen"]} for row in ROWS[:3]]

    data = api.build_dpo_dataset(model, tokenizer, raw, prompt_column="question", max_new_tokens=8)

    assert [row["prompt"] for row in data] == [row["question"] for row in raw]
    assert {row["chosen"] for row in data} == {"you are wrong"}
    assert all(row["rejected"] and row["rejected"] != row["chosen"] for row in data)


def test_the_chosen_answer_may_be_made_of_the_models_own(chat: Path) -> None:
    model, tokenizer = api.load_model_and_tokenizer(chat)
    raw = [{"prompt": [{"role": "user", "content": row["prompt"]}]} for row in ROWS[:4]]

    data = api.build_dpo_dataset(
        model, tokenizer, raw, chosen_transform=lambda answer: f"indeed {answer}", max_new_tokens=8
    )

    for row in data:
        assert row["prompt"][0]["role"] == "user"
        assert row["chosen"] == [{"role": "assistant", "content": f"indeed {row['rejected'][0]['content']}"}]


def test_a_dataset_that_teaches_nothing_is_refused(chat: Path) -> None:
    model, tokenizer = api.load_model_and_tokenizer(chat)
    with pytest.raises(DatasetError, match="Row 1 of the dataset has no prompt"):
        api.build_dpo_dataset(model, tokenizer, [{"text": "no"}])
    with pytest.raises(DatasetError, match="no answer in a column"):
        api.build_dpo_dataset(model, tokenizer, [{"prompt": "no"}])
    with pytest.raises(DatasetError, match="Nothing can be learned"):
        api.build_dpo_dataset(model, tokenizer, ROWS[:1], chosen_transform=lambda answer: answer, max_new_tokens=8)


def test_the_identity_shift_is_here_too() -> None:
    from worker.training.identity.identity import build_identity_shift_dataset

    assert api.build_identity_shift_dataset is build_identity_shift_dataset
