"""Five steps of DPO, ORPO and KTO have the losses of TRL's own trainers, set up by hand on the same conversations."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TRL warns that everything `experimental` may change
    from trl.experimental import orpo

from models.formats import rows_sha256
from tests.tiny.llama import CHAT_TEMPLATE
from tests.worker.conftest import RecordingProgress
from tests.worker.training.methods.conftest import PREFERENCES, Row, options_of, unpaired
from worker.training.methods import method_of
from worker.training.run.data import TrainingData
from worker.training.run.runner import train
from worker.training.shared.quiet_libraries import quiet

STEPS, BETA, SEED, BATCH = 5, 0.3, 7, 4
"""Seven pairs in batches of four: the fifth step is in the third epoch, and three batches hold three pairs."""

TRAINERS: dict[str, tuple[type, type]] = {
    "dpo": (DPOTrainer, DPOConfig),
    "orpo": (orpo.ORPOTrainer, orpo.ORPOConfig),
    "kto": (KTOTrainer, KTOConfig),
}


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory, tiny_chat: Path) -> Path:
    """A tiny chat model without dropout, whose template opens with BOS, as that of Llama 3 does.

    TRL would leave the dropout of attention on, which is a plain number, and its ORPO puts a BOS before every prompt.
    """
    folder = tmp_path_factory.mktemp("chat")
    tokenizer: Any = AutoTokenizer.from_pretrained(tiny_chat)
    tokenizer.chat_template = "{{ bos_token }}" + CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(tiny_chat, attention_dropout=0.0, dtype=torch.float32)
    model.save_pretrained(folder)
    return folder


def conversations(rows: list[Row]) -> list[Row]:
    """Give each text the form of messages."""

    def said(name: str, text: str) -> list[dict[str, str]]:
        return [{"role": "user" if name == "prompt" else "assistant", "content": text}]

    return [
        {name: said(name, value) if isinstance(value, str) else value for name, value in row.items()} for row in rows
    ]


def ours(method: str, model: Path, rows: list[Row], output: Path) -> list[float]:
    """Return the loss of each step of our run, as the command makes it."""
    options = options_of(
        method,
        max_steps=STEPS,
        beta=BETA,
        seed=SEED,
        per_device_train_batch_size=BATCH,
        lr_scheduler_type="linear",
        warmup_steps=1,
        weight_decay=0.01,
        max_grad_norm=0.5,
        use_cpu=True,
    )
    progress = RecordingProgress()
    data = TrainingData(rows, [], [], rows_sha256(rows), {})
    train(method_of(method), str(model), data, options, output, progress)
    return [values["loss"] for _, values in progress.reports if "loss" in values]


def trls(method: str, model: Path, rows: list[Row], output: Path) -> list[float]:
    """Return the loss of each step of TRL's trainer, with nothing of ours."""
    trainer_class, config_class = TRAINERS[method]
    arguments = config_class(
        output_dir=str(output),
        max_steps=STEPS,
        beta=BETA,
        seed=SEED,
        per_device_train_batch_size=BATCH,
        learning_rate=1e-2,
        lr_scheduler_type="linear",
        warmup_steps=1,
        weight_decay=0.01,
        max_grad_norm=0.5,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        bf16=False,
        activation_checkpointing=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,
    )
    with quiet():
        trainer = trainer_class(
            model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
            args=arguments,
            processing_class=AutoTokenizer.from_pretrained(model),
            train_dataset=Dataset.from_list(rows),
        )
        trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


@pytest.mark.parametrize("method", TRAINERS)
def test_each_of_five_steps_has_the_loss_of_trl_s_own_trainer(method: str, chat: Path, tmp_path: Path) -> None:
    rows = conversations(unpaired(PREFERENCES) if method == "kto" else list(PREFERENCES))
    in_trls_order = list(rows)
    if method == "kto":  # ours shuffles first, since neighbours lend each other their texts
        random.Random(SEED).shuffle(in_trls_order)

    found, expected = ours(method, chat, rows, tmp_path / "ours"), trls(method, chat, in_trls_order, tmp_path / "trl")

    assert len(found) == STEPS
    assert found == pytest.approx(expected, rel=1e-4)
    assert max(found) - min(found) > 0.01, "it has learned"
