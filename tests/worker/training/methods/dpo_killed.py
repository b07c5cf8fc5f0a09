"""A DPO run that is killed with SIGKILL in its middle: a program of its own, run by test_resume.py.

Its arguments are JSON: the model, the output folder, the settings, and the step after which it dies.
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch

from tests.worker.training.methods.conftest import data_of, options_of
from worker.training.methods import method_of
from worker.training.run.runner import train
from worker.training.shared.progress import SilentProgress

torch.set_num_threads(1)
wish = json.loads(sys.argv[1])


class Mortal(SilentProgress):
    """Dies after a step."""

    def step(self, done: int, total: int) -> None:
        """Die, if it is time."""
        if done == wish["die_after"]:
            os.kill(os.getpid(), signal.SIGKILL)


train(
    method_of("dpo"),
    wish["model"],
    data_of("preference"),
    options_of("dpo", **wish["settings"]),
    Path(wish["output_dir"]),
    Mortal(),
)
