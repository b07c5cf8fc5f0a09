"""PPO in two processes, as `accelerate launch` starts them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_two_processes_hold_the_same_weights_and_resume_to_them(tmp_path: Path) -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node=2",
            "-m",
            "tests.worker.training.methods.ppo.two_processes",
            str(tmp_path),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert run.returncode == 0, run.stderr[-2000:]
    line = next(line for line in run.stdout.splitlines() if line.startswith("differences"))
    between_processes, after_resuming, moved = map(float, line.split()[1:])
    assert between_processes == after_resuming == 0
    assert moved > 0
