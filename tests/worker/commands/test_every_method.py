"""Every method with every preset on every architecture, from a file to a model that is served or refused.

Presets are dealt out so that each meets each method, and nearly each architecture.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from models.settings.command_line import METHOD_OPTIONS
from models.store.store import MODEL_FOLDER, SERVING_FOLDER
from tests.tiny.classifiers import build_tiny_classifier
from tests.tiny.decoders import KINDS, build_tiny_decoder
from tests.tiny.llama import build_tiny_llama
from tests.tiny.t5 import build_tiny_mt5, build_tiny_t5
from worker.cli import main
from worker.commands.support.flags import preset_names
from worker.publish.convert import check_can_be_served
from worker.publish.staging import prepare
from worker.training.shared.training_errors import CheckpointError

T5S = ("t5", "t5-v1.1", "mt5")
ARCHITECTURES = (*T5S, "llama", *KINDS)
ONLINE = ("grpo", "ppo", "rloo")
CASES = [
    (method, architecture, preset_names()[(row + column) % len(preset_names())])
    for row, method in enumerate(METHOD_OPTIONS)
    for column, architecture in enumerate(ARCHITECTURES)
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model of each architecture, a reward model, and a file of pairs."""
    folder = tmp_path_factory.mktemp("models")
    build_tiny_t5(folder / "t5")
    build_tiny_t5(folder / "t5-v1.1", gated=True)
    build_tiny_mt5(folder / "mt5")
    build_tiny_llama(folder / "llama")
    for kind in KINDS:
        build_tiny_decoder(folder / kind, kind)
    build_tiny_classifier(folder / "rater")
    rows = [
        {"prompt": f"you idiot {number}", "chosen": f"you are wrong {number}", "rejected": "you are a moron"}
        for number in range(40)
    ]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_the_presets_are_dealt_out_to_every_method() -> None:
    assert {(method, preset) for method, _, preset in CASES} == {
        (method, preset) for method in METHOD_OPTIONS for preset in preset_names()
    }


@pytest.mark.slow
@pytest.mark.parametrize(("method", "architecture", "preset"), CASES)
def test_a_file_becomes_a_model_that_is_served_or_refused(
    method: str, architecture: str, preset: str, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["sft-chat" if method == "sft" else method, "--config", preset, "--use_cpu", "--learning_rate", "0.01"]
    command += ["--model_name_or_path", str(models / architecture), "--train_file", str(models / "pairs.jsonl")]
    command += ["--output_dir", str(tmp_path / "out"), "--max_steps", "2", "--warmup_steps", "0"]
    if method in ONLINE:
        command += ["--reward_model_path", str(models / "rater"), "--max_completion_length", "8"]
    code = main(command)

    said = capsys.readouterr().err
    if method == "reward" and architecture in T5S:
        assert (code, said.splitlines()[-1]) == (
            1,
            "A reward model is made from an encoder or a decoder-only model, not from both in one.",
        )
        return
    assert code == 0, said
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["saved_difference"] < 1e-3
    assert all(math.isfinite(figure["value"]) for figure in result["after"].values())
    if architecture in T5S:
        (tmp_path / "out" / "model").rename(tmp_path / MODEL_FOLDER)
        assert prepare(tmp_path) < 1e-3
        assert (tmp_path / SERVING_FOLDER / "model.bin").exists()
    else:
        with pytest.raises(CheckpointError, match="cannot be served by the studio"):
            check_can_be_served(tmp_path / "out" / "model")
