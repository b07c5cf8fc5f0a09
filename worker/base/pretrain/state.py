"""The saved state of a run: weights, their average, the optimizer, and the progress, in one file.

Dropout is off and batches depend on the seed and their number alone, so no random state is needed.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import T5Config, T5ForConditionalGeneration

from worker.base.build.checkpoint import replace_file

_STATE = "state.pt"
_LOG = "log.jsonl"


@dataclass
class PretrainingProgress:
    """The progress of a run, and the losses since the last line of the log (sum and count of steps by task)."""

    tokens: int = 0
    steps: int = 0
    group: int = 0
    batch: int = 0
    losses: dict[str, tuple[float, int]] = field(default_factory=dict)
    cooling_from: int | None = None


@dataclass(frozen=True)
class State:
    """A saved state that was loaded."""

    config: dict[str, Any]
    weights: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, Any]
    progress: PretrainingProgress


def save_state(
    folder: Path,
    model: T5ForConditionalGeneration,
    average: T5ForConditionalGeneration,
    optimizer: torch.optim.Optimizer,
    progress: PretrainingProgress,
) -> None:
    """Write the state into a folder, replacing the last one atomically."""
    stored = {
        "config": model.config.to_dict(),
        "weights": model.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "progress": asdict(progress),
    }
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(stored, folder / "new.pt")
    replace_file(folder / "new.pt", folder / _STATE)


def load_state(folder: Path) -> State | None:
    """Load the state of a folder, or return None if there is none."""
    path = folder / _STATE
    if not path.exists():
        return None
    stored = torch.load(path, map_location="cpu", weights_only=True)
    return State(
        stored["config"],
        stored["weights"],
        stored["average"],
        stored["optimizer"],
        PretrainingProgress(**stored["progress"]),
    )


def model_of(state: State, weights: dict[str, Tensor]) -> T5ForConditionalGeneration:
    """Return a model of the shape of a state with some of its weights."""
    model = T5ForConditionalGeneration(T5Config(**state.config))
    model.load_state_dict(weights)
    return model


def write_log(folder: Path, line: dict[str, Any]) -> None:
    """Append one line of JSON to the log."""
    with (folder / _LOG).open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(line) + "\n")


def cut_log(folder: Path, tokens: int) -> None:
    """Drop the log lines of steps after this many tokens, which an interrupted run did not save."""
    path = folder / _LOG
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["tokens"] <= tokens]
    (folder / "new.jsonl").write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    replace_file(folder / "new.jsonl", path)
