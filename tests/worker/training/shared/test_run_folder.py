"""The folder of a run: whose checkpoints lie there, which of them are whole, and who may go on from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.worker.conftest import RecordingProgress
from worker.training.shared import run_folder as run_folders
from worker.training.shared.run_folder import (
    checkpoint_to_resume,
    finish_checkpoint,
    last_whole_checkpoint,
    run_folder,
    write_small,
)
from worker.training.shared.training_errors import Cancelled, CheckpointError

IDENTITY: dict[str, object] = {"model": "a", "options": {"seed": 1, "beta": 0.1}}


def checkpoint(folder: Path, step: int, *, whole: bool = True) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "weights").write_text("1")
    (path / "training_args.bin").write_text("a pickle")
    if whole:
        finish_checkpoint(folder, step)
    return path


def hold(folder: Path, identity: dict[str, object], *, start_over: bool = False) -> list[str]:
    """Hold the folder for a moment; returns what lies in it meanwhile."""
    with run_folder(folder, identity, RecordingProgress(), start_over=start_over):
        return sorted(path.name for path in folder.iterdir())


def refusal(folder: Path, identity: dict[str, object]) -> str:
    with pytest.raises(CheckpointError) as refused:
        hold(folder, identity)
    return str(refused.value)


def test_a_checkpoint_is_whole_once_its_mark_is_there_and_holds_no_pickle(tmp_path: Path) -> None:
    assert last_whole_checkpoint(tmp_path) is None
    checkpoint(tmp_path, 20, whole=False)
    assert last_whole_checkpoint(tmp_path) is None
    first = checkpoint(tmp_path, 9)
    assert sorted(path.name for path in first.iterdir()) == ["weights", "whole"]
    assert (first / "whole").read_text() == ""
    last = checkpoint(tmp_path, 10)
    for other in ("checkpoint-x", "checkpoint-99-old"):
        (tmp_path / other).mkdir()
        (tmp_path / other / "whole").touch()
    assert last_whole_checkpoint(tmp_path) == last


def test_a_run_goes_on_from_its_last_checkpoint_or_from_the_one_that_is_named(tmp_path: Path) -> None:
    first, last = checkpoint(tmp_path / "run", 9), checkpoint(tmp_path / "run", 10)
    half = checkpoint(tmp_path / "run", 11, whole=False)
    strange = checkpoint(tmp_path / "other", 3)
    for wanted in ("latest", "no"):
        assert checkpoint_to_resume(tmp_path / "run", wanted) == last
    assert checkpoint_to_resume(tmp_path / "run", str(first)) == first
    for wrong in (half, strange):
        with pytest.raises(CheckpointError) as refused:
            checkpoint_to_resume(tmp_path / "run", str(wrong))
        assert str(refused.value) == (
            f"{wrong} is not a whole checkpoint of this training, whose folder is {tmp_path / 'run'}."
        )


def test_an_empty_folder_becomes_that_of_a_training_and_stays_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    assert hold(folder, IDENTITY) == ["lock", "training.json"]
    assert json.loads((folder / "training.json").read_text()) == IDENTITY
    checkpoint(folder, 3)
    assert hold(folder, IDENTITY) == ["checkpoint-3", "lock", "training.json"]
    other: dict[str, object] = {"model": "a", "data": "b", "options": {"seed": 2, "beta": 0.1}}
    assert refusal(folder, other) == (
        f"The folder {folder} holds the checkpoints of another training, which differs in data, seed: choose another "
        "output folder, or start over with --resume_from_checkpoint no."
    )
    assert hold(folder, other, start_over=True) == ["lock", "training.json"]
    assert json.loads((folder / "training.json").read_text()) == other


def test_without_a_whole_checkpoint_another_training_may_take_the_folder(tmp_path: Path) -> None:
    hold(tmp_path, IDENTITY)
    checkpoint(tmp_path, 3, whole=False)
    assert "training.json" in hold(tmp_path, {"model": "b"})
    assert json.loads((tmp_path / "training.json").read_text()) == {"model": "b"}


def test_a_damaged_identity_and_strangers_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    hold(folder, IDENTITY)
    checkpoint(folder, 3)
    (folder / "training.json").write_text("{")
    assert refusal(folder, IDENTITY) == f"{folder / 'training.json'} is damaged: remove the folder to start over."
    strange = tmp_path / "strange"
    strange.mkdir()
    for known in ("lock", "labelled.json", "judgment_weights.json", ".training.json.12", ".labelled.json.3"):
        (strange / known).touch()
    assert "training.json" in hold(strange, IDENTITY)
    (strange / "training.json").unlink()
    (strange / "thesis.txt").touch()
    assert refusal(strange, IDENTITY) == f"The output folder {strange} is not empty."


def test_one_waits_for_the_other_and_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folders, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(run_folders, "LOCK_WAIT_SECONDS", 0.05)
    progress = RecordingProgress()
    with run_folder(tmp_path, IDENTITY, RecordingProgress()):
        with pytest.raises(CheckpointError) as refused, run_folder(tmp_path, IDENTITY, progress):
            pass
        assert str(refused.value) == f"Another process is training in {tmp_path}."
        assert progress.lines == ["Another process is training in the same folder: waiting for it to leave."]
        with (
            pytest.raises(Cancelled, match=r"^The run was cancelled before its first step\.$"),
            run_folder(tmp_path, IDENTITY, RecordingProgress(cancel_after=0)),
        ):
            pass


def test_a_small_file_is_there_as_a_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write_small(tmp_path / "a.json", "one")
    write_small(tmp_path / "a.json", "zwei – 2")
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == "zwei – 2"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
