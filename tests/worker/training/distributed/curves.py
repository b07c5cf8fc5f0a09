"""Trainings of every kind that processes can share, and what each tells of its steps.

They run in one process, and by the launcher in two. Dropout is off, since each process draws its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from models.formats import rows_sha256
from models.formats.files.pair_files import read_pairs_from
from models.settings.clicks import DPOClickOptions
from models.settings.sft import SFTRecipe
from tests.worker.conftest import RecordingProgress
from tests.worker.training.methods.conftest import HELD_OUT, PREFERENCES, data_of, options_of
from worker.training.clicks.click_training import train_on_clicks
from worker.training.methods import method_of
from worker.training.run.data import TrainingData
from worker.training.run.runner import train
from worker.training.sft.sft import train_sft
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.progress import Progress

Curve = list[tuple[int, dict[str, float]]]

# Clicks of one, two and three pairs, one of them with a person's own words; they fill no whole number of batches.
CLICKS = [
    PreferenceExample(row["prompt"], row["chosen"], rejected, click=number, written=number == 2)
    for number, row in enumerate(PREFERENCES)
    for rejected in (row["rejected"], *(["no", "stop it"][: number % 3] if number < 5 else []))
]
METHODS: Mapping[str, Mapping[str, Any]] = {
    "pairs, all weights, two batches a step": {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 3},
    "an adapter, held out each step": {
        "use_peft": True,
        "lora_dropout": 0.0,
        "eval_steps": 1,
        "precompute_ref_log_probs": True,
    },
    "two losses": {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.5], "per_device_train_batch_size": 5},
    "lists": {"loss_type": ["sigmoid", "listwise"], "loss_weights": [1.0, 1.0]},
    "losses over the whole batch": {"loss_type": ["aot"], "per_device_train_batch_size": 3},
}

# Seven pairs, fourteen marked texts: each epoch ends with a batch of one or two rows.
OTHERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "orpo": ("orpo", {"max_steps": 5, "per_device_train_batch_size": 3, "eval_steps": 2}),
    "kto": ("kto", {"max_steps": 6, "per_device_train_batch_size": 4, "eval_steps": 2}),
    "kto, uneven": ("kto", {"max_steps": 5, "per_device_train_batch_size": 3}),
    "sft": ("sft", {"max_steps": 5, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}),
}


def few_curves(t5: Path, folder: Path, progress: Progress) -> dict[str, Curve]:
    """Train in the two ways that people use most, and return what each told of its steps."""
    torch.set_num_threads(1)
    held_out = {"max_steps": 3, "eval_steps": 1, "gradient_accumulation_steps": 2, "per_device_train_batch_size": 3}
    return {"pairs": _dpo(t5, folder / "pairs", held_out), "clicks": _clicks(t5, folder / "clicks")}


def curves(t5: Path, llama: Path, folder: Path, progress: Progress) -> dict[str, Curve]:
    """Train each way, and return what it told of its steps."""
    torch.set_num_threads(1)
    found = {}
    for number, (name, settings) in enumerate(METHODS.items()):
        found[name] = _dpo(t5, folder / f"t5-{number}", {"max_steps": 5, **settings})
    found["a decoder alone"] = _dpo(llama, folder / "llama", {"max_steps": 4, "per_device_train_batch_size": 3})
    for name, (method, settings) in OTHERS.items():
        for kind, model in (("encoder-decoder", t5), ("decoder alone", llama)):
            found[f"{name}, {kind}"] = _method(method, model, folder / f"{name}-{kind}", settings)
    found["weighted rows"] = _weighted(t5, folder / "weighted")
    found["initial training"] = _initial(t5, folder / "initial")
    return found


def _dpo(model: Path, folder: Path, settings: Mapping[str, Any]) -> Curve:
    return _method("dpo", model, folder, settings)


def _method(name: str, model: Path, folder: Path, settings: Mapping[str, Any]) -> Curve:
    told, method = RecordingProgress(), method_of(name)
    options = options_of(name, **{"use_cpu": True, **settings})
    result = train(method, str(model), data_of(method.kind), options, folder, told)
    return [*told.reports, (result.steps, {"mean": result.train_loss})]


def _clicks(model: Path, folder: Path) -> Curve:
    told = RecordingProgress()
    options = DPOClickOptions(learning_rate=5e-3, num_train_epochs=2, per_device_train_batch_size=4, use_cpu=True)
    train_on_clicks("dpo", model, [asdict(click) for click in CLICKS], options, folder, told)
    return told.reports


def _weighted(model: Path, folder: Path) -> Curve:
    told = RecordingProgress()
    rows = [{**row, "weight": 0.2 + number / 3} for number, row in enumerate(PREFERENCES)]
    data = TrainingData(rows, HELD_OUT, HELD_OUT, rows_sha256(rows, HELD_OUT), {})
    options = options_of("dpo", loss_type=["sigmoid", "sft"], loss_weights=[1.0, 1.0], use_cpu=True)
    train(method_of("dpo"), str(model), data, options, folder, told)
    return told.reports


def _initial(model: Path, folder: Path) -> Curve:
    told = RecordingProgress()
    lines = "".join(f"{row['prompt']}\t{row['chosen']}\n" for row in [*PREFERENCES, *HELD_OUT])
    file = read_pairs_from(f"source\ttarget\n{lines}".encode(), "pairs.tsv")
    recipe = replace(
        SFTRecipe(),
        learning_rate=1e-2,
        num_train_epochs=2,
        per_device_train_batch_size=3,
        gradient_accumulation_steps=2,
        logging_steps=1,
        dev_split=2,
    )
    result = train_sft(model, file, None, recipe, folder / "run", folder / "out", told)
    return [*told.reports, (result.steps, {"mean": result.train_loss})]
