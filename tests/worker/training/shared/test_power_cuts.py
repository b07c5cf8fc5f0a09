"""Whenever the power fails, a small file is old or new, and a checkpoint that is marked whole is whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.models.store.power_cuts import PowerCuts
from tests.worker.conftest import RecordingProgress
from worker.training.shared.run_folder import last_whole_checkpoint, mark_whole, run_folder, write_small
from worker.training.shared.writing import write_aside


@pytest.mark.parametrize("write", [write_small, write_aside])
def test_a_small_file_is_old_or_new_and_new_once_it_is_written(
    tmp_path: Path, write: Callable[[Path, str], None]
) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    allowed = {"old", "new"}

    def survives(state: Path) -> None:
        assert (state / path.name).read_text() in allowed

    cuts = PowerCuts(tmp_path, survives)
    with cuts.watched():
        write(path, "new")
        allowed.remove("old")
        cuts.look()


def test_a_checkpoint_is_whole_or_not_one_and_stays_once_it_is_marked(tmp_path: Path) -> None:
    marked: list[str] = []
    files = {"model.safetensors": b"weights", "adapter/adapter.safetensors": b"more", "optimizer.pt": b"state"}

    def survives(state: Path) -> None:
        found = last_whole_checkpoint(state / "versions" / "run-1")
        assert found is not None or not marked
        for name, content in files.items() if found is not None else ():
            assert found is not None
            assert (found / name).read_bytes() == content

    cuts = PowerCuts(tmp_path, survives)
    with cuts.watched(), run_folder(tmp_path / "versions" / "run-1", {}, RecordingProgress()):
        checkpoint = tmp_path / "versions" / "run-1" / "checkpoint-5"
        for name, content in files.items():
            (checkpoint / name).parent.mkdir(parents=True, exist_ok=True)
            (checkpoint / name).write_bytes(content)
        mark_whole(checkpoint)
        marked.append(checkpoint.name)
        cuts.look()
