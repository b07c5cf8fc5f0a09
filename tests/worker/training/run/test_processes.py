"""One command that trains in two processes: those that it starts itself, or those that a person starts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny.t5 import build_tiny_t5

PAIRS = [
    ("you are stupid", "you are wrong"),
    ("what a dumb idea", "i disagree with the idea"),
    ("this movie is trash", "this movie is not good"),
    ("your plan is garbage", "your plan is mistaken"),
    ("stop it moron", "please stop it"),
    ("damn no idiot", "no"),
    ("silly person", "good person"),
    ("the answer is trash", "the answer is wrong"),
]


@pytest.mark.slow
@pytest.mark.parametrize("started_by", ["the command", "a person"])
def test_two_processes_train_one_model(tmp_path: Path, started_by: str) -> None:
    data = tmp_path / "pairs.tsv"
    data.write_text("toxic\tneutral1\n" + "".join(f"{a}\t{b}\n" for a, b in PAIRS), encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MELLOW_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "worker", "dpo"]
    if started_by == "a person":
        command[1:1] = ["-m", "torch.distributed.run", "--nproc_per_node", "2"]
    else:
        environment["TRAINING_PROCESSES"] = "2"
    command += ["--model_name_or_path", str(build_tiny_t5(tmp_path / "t5")), "--train_file", str(data), "--use_cpu"]
    command += ["--max_steps", "3", "--learning_rate", "0.01", "--dev_split", "2"]
    command += ["--per_device_train_batch_size", "2", "--output_dir", str(tmp_path / "out")]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)

    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert (result["processes"], result["steps"]) == (2, 3)
    assert result["after"]["implicit_reward_margin"]["value"] > 0
    assert done.stdout.count("The model is in") == 1
    assert done.stderr.count("Training …") == 1
    assert (tmp_path / "out" / "model" / "model.safetensors").exists()
