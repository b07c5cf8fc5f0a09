"""Tiny models of each architecture, and rows of each kind that they can learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from models.formats import rows_sha256
from models.settings.command_line import METHOD_OPTIONS, TrainOptions, default_learning_rate
from tests.tiny.llama import build_tiny_llama
from tests.worker.conftest import RecordingProgress
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.loading.rendering import render
from worker.training.methods import method_of
from worker.training.run.arguments import make_arguments
from worker.training.run.data import TrainingData
from worker.training.run.method import Job
from worker.training.run.runner import Result, train
from worker.training.shared.lora import lora_config

torch.set_num_threads(1)

Row = dict[str, Any]

PREFERENCES: list[Row] = [
    {"prompt": "you are stupid", "chosen": "you are wrong", "rejected": "you are a moron"},
    {"prompt": "damn , this movie is trash !", "chosen": "this movie is not good", "rejected": "this movie is trash"},
    {"prompt": "stop", "chosen": "please stop it now", "rejected": "stop"},
    {"prompt": "what a naïve idiot", "chosen": "i disagree with that person", "rejected": "naïve"},
    {"prompt": "no idiot", "chosen": "no thank you", "rejected": "no moron no"},
    {"prompt": "dumb idea", "chosen": "i think it is a bad idea", "rejected": "a dumb idea it is"},
    {"prompt": "your plan is garbage", "chosen": "your plan is not good", "rejected": "garbage plan"},
]
HELD_OUT: list[Row] = [
    {"prompt": "the answer is trash", "chosen": "the answer is wrong", "rejected": "trash answer"},
    {"prompt": "silly person", "chosen": "i disagree", "rejected": "you silly"},
    {"prompt": "go away you idiot", "chosen": "please go", "rejected": "go idiot"},
]


def unpaired(rows: Sequence[Row]) -> list[Row]:
    """Each preference as a good text and a bad one."""
    return [
        {"prompt": row["prompt"], "completion": row[name], "label": name == "chosen"}
        for row in rows
        for name in ("chosen", "rejected")
    ]


def completions(rows: Sequence[Row]) -> list[Row]:
    """Each preference as its prompt and chosen text."""
    return [{"prompt": row["prompt"], "completion": row["chosen"]} for row in rows]


OF_KIND: dict[str, Callable[[Sequence[Row]], list[Row]]] = {
    "preference": list,
    "unpaired": unpaired,
    "completion": completions,
}


def data_of(kind: str, rows: Sequence[Row] = PREFERENCES, held_out: Sequence[Row] = HELD_OUT) -> TrainingData:
    """Rows of the kind, as the runner takes them."""
    made, kept = OF_KIND[kind](rows), OF_KIND[kind](held_out)
    return TrainingData(made, kept, list(held_out), rows_sha256(made, kept), {})


def options_of(method: str, **settings: Any) -> TrainOptions:
    """The settings of a small and eager run."""
    eager = {"learning_rate": 1e-2, "max_steps": 4, "per_device_train_batch_size": 4, "logging_steps": 1}
    return METHOD_OPTIONS[method].from_mapping({**eager, **settings})


def run(method: str, model: Path, output_dir: Path, **settings: Any) -> tuple[Result, RecordingProgress]:
    """A whole training, as a command does it, and all it told."""
    progress = RecordingProgress()
    chosen = method_of(method)
    result = train(chosen, str(model), data_of(chosen.kind), options_of(method, **settings), output_dir, progress)
    return result, progress


def trainer_of(method: str, model: Path, tmp_path: Path, rows: Sequence[Row], **settings: Any) -> Any:
    """The trainer of a method on `rows` of its kind, as the runner would make it, not yet run."""
    options = options_of(method, **{"per_device_train_batch_size": max(2, len(rows)), **settings})
    loaded = load_model_and_tokenizer(model, options)
    chosen = method_of(method)
    rate = options.learning_rate or default_learning_rate(method, loaded.architecture, options.use_peft)
    task = "SEQ_2_SEQ_LM" if loaded.architecture == "seq2seq" else "CAUSAL_LM"
    job = Job(
        loaded=loaded,
        train=render(rows, loaded),
        held_out=(),
        options=options,
        learning_rate=rate,
        work=tmp_path,
        progress=RecordingProgress(),
        arguments=partial(
            make_arguments,
            options=options,
            learning_rate=rate,
            run_dir=tmp_path / "run",
            held_out=False,
            best_metric=chosen.best_metric,
        ),
        peft_config=lora_config(loaded.model, 4, 8, 0.0, task_type=task) if options.use_peft else None,
    )
    return chosen.build(job)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama without a chat template."""
    return build_tiny_llama(tmp_path_factory.mktemp("tiny-llama"), chat=False)


@pytest.fixture(scope="session")
def tiny_chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama with one."""
    return build_tiny_llama(tmp_path_factory.mktemp("tiny-chat"))


@pytest.fixture(params=["t5", "llama", "chat"])
def each_model(request: pytest.FixtureRequest, tiny_t5: Path, tiny_llama: Path, tiny_chat: Path) -> Path:
    """An encoder-decoder and two decoder-only models, in turn."""
    return {"t5": tiny_t5, "llama": tiny_llama, "chat": tiny_chat}[request.param]
