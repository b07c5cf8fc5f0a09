"""A trained model has its name once it is whole on the disk: by that name a run is taken for finished."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from models.settings.command_line import TrainOptions
from tests.models.store.power_cuts import PowerCuts
from worker.training.run.saving import MODEL, saved


class Files:
    """What is saved: a model or a tokenizer with one file."""

    def __init__(self, name: str) -> None:
        self.name = name

    def to(self, device: str) -> None:
        """Nothing has weights."""

    def save_pretrained(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / self.name).write_bytes(b"content")


def test_a_model_is_whole_or_not_there_and_stays_once_it_is_saved(tmp_path: Path) -> None:
    known: list[str] = []
    files = ["model.safetensors", "tokenizer.json"]

    def survives(state: Path) -> None:
        found = state / MODEL
        assert found.is_dir() or not known
        for name in files if found.is_dir() else ():
            assert (found / name).read_bytes() == b"content"

    policy: Any = Files(files[0])
    loaded: Any = SimpleNamespace(tokenizer=Files(files[1]))
    config: Any = SimpleNamespace()
    cuts = PowerCuts(tmp_path, survives)
    with cuts.watched():
        with saved(policy, loaded, config, TrainOptions(), tmp_path):
            pass
        known.append(MODEL)
        cuts.look()
