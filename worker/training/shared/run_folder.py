"""The run folder: the checkpoints from which an interrupted training resumes.

    lock                      held by the process that trains
    judgment_weights.json     what the judgments weighed when the run began
    labelled.json             pairs that the reward head labelled before the training, if there are any
    training.json             identity of the training: recipe, data, base; no other training may use this folder
    checkpoint-120/           as transformers writes it: weights, optimizer, scheduler, random state, position
    checkpoint-120/whole      written last, once everything else is on disk

transformers keeps the optimizer's and the random generators' state in torch's own format, and reads it back with
`weights_only=True`, which runs no code. The folder lives as long as its run and is never published.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from models.store.disk import flush, flush_all, make_folders, replace
from models.store.locks import LOCK_NAME, try_lock
from worker.training.shared.progress import Progress
from worker.training.shared.training_errors import Cancelled, CheckpointError

_IDENTITY = "training.json"
_WHOLE = "whole"
LABELLED = "labelled.json"
JUDGMENT_WEIGHTS = "judgment_weights.json"
_BEFORE_TRAINING = (LABELLED, JUDGMENT_WEIGHTS)
LOCK_WAIT_SECONDS = 120.0
"""Longest wait for another process to leave the folder: a worker that lost its run stops at its next step."""
_POLL_SECONDS = 0.2


@contextmanager
def run_folder(
    folder: Path, identity: Mapping[str, object], progress: Progress, start_over: bool = False
) -> Iterator[None]:
    """Hold `folder` within the block as the run folder of the training that `identity` (plain JSON) describes.

    `start_over` removes existing checkpoints. Raises `CheckpointError` if another process works there and does not
    leave, or if the folder holds other files or another training's checkpoints (naming the settings that differ), and
    `Cancelled` if `progress` is cancelled during the wait.
    """
    make_folders(folder)
    drafts = tuple(f".{name}." for name in (_IDENTITY, *_BEFORE_TRAINING))
    names = {path.name for path in folder.iterdir() if not path.name.startswith(drafts)}
    unexpected = names - {LOCK_NAME, *_BEFORE_TRAINING}
    if unexpected and _IDENTITY not in unexpected:
        raise CheckpointError(f"The output folder {folder} is not empty.")
    with _wait_for_lock(folder, progress):
        if start_over:
            for path in folder.glob("checkpoint-*"):
                shutil.rmtree(path)
        if last_whole_checkpoint(folder) is None:  # there is nothing to resume
            (folder / _IDENTITY).unlink(missing_ok=True)
        _check_identity(folder / _IDENTITY, identity)
        yield


def _wait_for_lock(folder: Path, progress: Progress) -> TextIO:
    """Return the lock of `folder`, which is held until it is closed."""
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    logged = False
    while (lock := try_lock(folder)) is None:
        if progress.cancelled():
            raise Cancelled("The run was cancelled before its first step.")
        if time.monotonic() >= deadline:
            raise CheckpointError(f"Another process is training in {folder}.")
        if not logged:
            progress.log("Another process is training in the same folder: waiting for it to leave.")
            logged = True
        time.sleep(_POLL_SECONDS)
        folder.mkdir(parents=True, exist_ok=True)  # the other one may have removed it
    return lock


def _check_identity(path: Path, identity: Mapping[str, object]) -> None:
    """Write the identity of the training, or compare it with the one in the folder."""
    if not path.exists():
        write_small(path, json.dumps(identity, indent=2))
        return
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise CheckpointError(f"{path} is damaged: remove the folder to start over.") from None
    known.pop("processes", None)  # which older releases wrote: a training goes on in any number of them
    differing = sorted(_differences(known, identity))
    if differing:
        raise CheckpointError(
            f"The folder {path.parent} holds the checkpoints of another training, which differs in "
            f"{', '.join(differing)}: choose another output folder, or start over with --resume_from_checkpoint no."
        )


def _differences(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names whose values differ between two identities, including those of nested settings."""
    for name in {*known, *wanted}:
        one, other = known.get(name), wanted.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(one, other)
        elif one != other:
            yield name


def checkpoint_to_resume(folder: Path, wanted: str) -> Path | None:
    """Return the checkpoint to resume from: the last complete one, if any, for `latest` or `no`, else the one named.

    Raises `CheckpointError` if `wanted` names no checkpoint of this run.
    """
    if wanted in ("latest", "no"):
        return last_whole_checkpoint(folder)
    path = Path(wanted)
    if path.resolve().parent != folder.resolve() or not (path / _WHOLE).exists():
        raise CheckpointError(f"{wanted} is not a whole checkpoint of this training, whose folder is {folder}.")
    return path


def finish_checkpoint(run_dir: str | Path, step: int) -> None:
    """Complete the checkpoint that a trainer wrote at `step`: remove its pickle and mark it."""
    checkpoint = Path(run_dir) / f"checkpoint-{step}"
    (checkpoint / "training_args.bin").unlink(missing_ok=True)  # an unused pickle
    mark_whole(checkpoint)


def mark_whole(checkpoint: Path) -> None:
    """Mark `checkpoint` as complete, after flushing all of it to disk."""
    flush_all(checkpoint)
    flush(checkpoint.parent)
    write_small(checkpoint / _WHOLE, "")


def last_whole_checkpoint(folder: Path) -> Path | None:
    """Return the complete checkpoint with the most steps, or None."""
    found = {
        int(match[1]): path
        for path in folder.glob("checkpoint-*")
        if (match := re.fullmatch(r"checkpoint-(\d+)", path.name)) and (path / _WHOLE).exists()
    }
    return found[max(found)] if found else None


def write_small(path: Path, text: str) -> None:
    """Write a small file atomically and for good: to a temporary file that is flushed and then renamed."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    replace(draft, path)
