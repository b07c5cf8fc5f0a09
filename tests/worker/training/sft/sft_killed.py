"""A training that is killed with SIGKILL in its middle: a program of its own, run by test_sft_resume.py.

Its arguments are JSON: the base, the run folder, the output folder, the pairs, the recipe, the number of the step after
which it dies (0: never), and the number of the checkpoint in whose writing it dies (0: never).
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch

from models.formats.files.pair_files import read_pair_file
from models.settings.sft import SFTRecipe
from worker.training.sft.sft import train_sft
from worker.training.shared import run_folder
from worker.training.shared.progress import SilentProgress
from worker.training.shared.run_folder import mark_whole

torch.set_num_threads(1)
wish = json.loads(sys.argv[1])


class Mortal(SilentProgress):
    """Dies after a step; says from where it went on."""

    def step(self, done: int, total: int) -> None:
        """Die, if it is time."""
        if done == wish["die_after"]:
            os.kill(os.getpid(), signal.SIGKILL)

    def log(self, line: str) -> None:
        """Say it."""
        print(line, flush=True)


def mark(checkpoint: Path) -> None:
    """Die before the checkpoint is marked, as if its last file were still being written."""
    if checkpoint.name == f"checkpoint-{wish['die_saving']}":
        (checkpoint / "optimizer.pt").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    mark_whole(checkpoint)


vars(run_folder)["mark_whole"] = mark
train_sft(
    wish["base"],
    read_pair_file(Path(wish["pairs"])),
    None,
    SFTRecipe.from_mapping(wish["recipe"]),
    Path(wish["run_dir"]),
    Path(wish["output_dir"]),
    Mortal(),
)
